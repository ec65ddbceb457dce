//! The connections to one provider.
//!
//! A client opens one connection of HTTP/2 to a host and no second: once the peer's limit of
//! streams is used up, which is often 100, further requests wait where nobody sees them. So a
//! provider has several clients, and the first that has room takes a request. With HTTP/1 the same
//! rule keeps connections together: the first client's are used before the second's.

use super::connection::{ConnectionConfig, MAX_STREAMS_PER_CLIENT};
use super::options::TransportOptions;
use crate::protocols::url_cache::UrlCache;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::{Client, Response, Url};
use rustls::ClientConfig;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// Clients of one provider. Where all are full, they are filled further, evenly.
const MAX_CLIENTS: usize = 64;

/// Several clients of one provider.
#[derive(Debug)]
pub(super) struct Pool {
    line: ConnectionConfig,
    tls: Arc<ClientConfig>,
    options: TransportOptions,
    addresses: UrlCache,
    first: Client,
    shards: [Shard; MAX_CLIENTS],
    /// Keeps no connection.
    fresh: OnceLock<Client>,
}

#[derive(Debug, Default)]
struct Shard {
    /// Made when it is needed.
    client: OnceLock<Client>,
    /// Requests whose answers have not ended.
    live: AtomicU32,
}

impl Pool {
    pub fn new(
        line: ConnectionConfig,
        tls: Arc<ClientConfig>,
        options: TransportOptions,
    ) -> Result<Self, reqwest::Error> {
        let first = line.client(&tls, options, true)?;
        let shards = std::array::from_fn::<Shard, MAX_CLIENTS, _>(|_| Shard::default());
        Ok(Self {
            line,
            tls,
            options,
            addresses: UrlCache::default(),
            first,
            shards,
            fresh: OnceLock::new(),
        })
    }

    /// A place on one of the clients.
    pub fn checkout(self: &Arc<Self>) -> PooledClient {
        let roomy = self.shards.iter().position(|shard| {
            let more = |live: u32| (live < MAX_STREAMS_PER_CLIENT).then_some(live + 1);
            shard.live.fetch_update(Relaxed, Relaxed, more).is_ok()
        });
        let shard = roomy.unwrap_or_else(|| {
            let shards = self.shards.iter().enumerate();
            let least = shards.min_by_key(|(_, shard)| shard.live.load(Relaxed));
            let place = least.map_or(0, |(place, _)| place);
            self.shards[place].live.fetch_add(1, Relaxed);
            place
        });
        PooledClient(Arc::new(ClientPermit {
            pool: Arc::clone(self),
            shard,
        }))
    }

    /// The address that a text says; nothing where it says none.
    pub fn address(&self, text: &str) -> Option<Url> {
        self.addresses.read(text)
    }

    /// A client whose every connection is new.
    pub fn unpooled(&self) -> &Client {
        self.fresh.get_or_init(|| self.client(false))
    }

    fn client(&self, pooled: bool) -> Client {
        let made = self.line.client(&self.tls, self.options, pooled);
        // The first could be made from the same parts.
        made.unwrap_or_else(|_| self.first.clone())
    }
}

/// A request's place on a client, until its answer has ended.
#[derive(Debug, Clone)]
pub(super) struct PooledClient(Arc<ClientPermit>);

#[derive(Debug)]
struct ClientPermit {
    pool: Arc<Pool>,
    shard: usize,
}

impl PooledClient {
    pub fn client(&self) -> &Client {
        let ClientPermit { pool, shard } = &*self.0;
        match shard {
            0 => &pool.first,
            _ => pool.shards[*shard].client.get_or_init(|| pool.client(true)),
        }
    }

    /// Lives as long as the answer does.
    pub fn into_permit(self, answer: &mut Response) {
        answer.extensions_mut().insert(self);
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        self.pool.shards[self.shard].live.fetch_sub(1, Relaxed);
    }
}

/// The pieces of an answer's body; the answer's place is kept until the last.
pub fn body_of(mut answer: Response) -> impl Stream<Item = reqwest::Result<Bytes>> {
    let seat = answer.extensions_mut().remove::<PooledClient>();
    answer.bytes_stream().inspect(move |_| {
        let _kept = &seat;
    })
}

#[cfg(test)]
mod tests {
    use super::super::tls_roots::Roots;
    use super::*;
    use std::time::Duration;

    #[test]
    fn requests_fill_the_first_client_that_has_room() {
        let options = TransportOptions::new(Duration::from_secs(1));
        let tls = Roots::default().trusting(&Arc::default());
        let pool = Arc::new(Pool::new(ConnectionConfig::default(), tls, options).unwrap());
        let mut seats: Vec<PooledClient> = (0..200).map(|_| pool.checkout()).collect();
        let live = |shard: usize| pool.shards[shard].live.load(Relaxed);
        assert_eq!([live(0), live(1), live(2), live(3)], [80, 80, 40, 0]);

        seats.truncate(10);
        assert_eq!([live(0), live(1), live(2)], [10, 0, 0]);
        let most = MAX_STREAMS_PER_CLIENT as usize * MAX_CLIENTS;
        seats.extend((10..most + 128).map(|_| pool.checkout()));
        assert!((0..MAX_CLIENTS).all(|shard| live(shard) == MAX_STREAMS_PER_CLIENT + 2));

        drop(seats);
        assert!((0..MAX_CLIENTS).all(|shard| live(shard) == 0));
    }
}
