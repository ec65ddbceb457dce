//! The connections to one provider.
//!
//! A client opens one HTTP/2 connection to a host and no second one: once the peer's stream limit
//! is used up, which is often 100, further requests wait invisibly. So a provider has several
//! clients, and the first with a free stream takes a request. With HTTP/1 the same rule keeps
//! connections together: the first client's are used before the second's.

use super::connection::{ConnectionConfig, MAX_STREAMS_PER_CLIENT};
use super::options::TransportOptions;
use crate::domain::Limiter;
use crate::protocols::url_cache::UrlCache;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reqwest::{Client, Response, Url};
use rustls::ClientConfig;
use std::sync::{Arc, OnceLock};

/// Most clients of one provider. Where all are full, they are filled further, evenly.
const MAX_CLIENTS: usize = 64;

/// The clients of one provider.
#[derive(Debug)]
pub(super) struct Pool {
    connection: ConnectionConfig,
    tls: Arc<ClientConfig>,
    options: TransportOptions,
    urls: UrlCache,
    first: Client,
    shards: [Shard; MAX_CLIENTS],
    /// Client that keeps no connection.
    unpooled_client: OnceLock<Client>,
}

#[derive(Debug, Default)]
struct Shard {
    /// Created when it is first used.
    client: OnceLock<Client>,
    /// Requests whose responses have not ended.
    live: Limiter,
}

impl Pool {
    pub fn new(
        connection: ConnectionConfig,
        tls: Arc<ClientConfig>,
        options: TransportOptions,
    ) -> Result<Self, reqwest::Error> {
        let first = connection.client(&tls, options, true)?;
        let shards = std::array::from_fn::<Shard, MAX_CLIENTS, _>(|_| Shard::default());
        Ok(Self {
            connection,
            tls,
            options,
            urls: UrlCache::default(),
            first,
            shards,
            unpooled_client: OnceLock::new(),
        })
    }

    /// Returns a client with a permit for one request.
    pub fn checkout(self: &Arc<Self>) -> PooledClient {
        let free = self.shards.iter().position(|shard| {
            let limit = u64::from(MAX_STREAMS_PER_CLIENT);
            shard.live.try_reserve(1, Some(limit))
        });
        let shard = free.unwrap_or_else(|| {
            let shards = self.shards.iter().enumerate();
            let least_loaded = shards.min_by_key(|(_, shard)| shard.live.in_use());
            let index = least_loaded.map_or(0, |(index, _)| index);
            self.shards[index].live.reserve(1);
            index
        });
        PooledClient(Arc::new(ClientPermit {
            pool: Arc::clone(self),
            shard,
        }))
    }

    /// Parses a URL; `None` where it is invalid.
    pub fn url(&self, text: &str) -> Option<Url> {
        self.urls.read(text)
    }

    /// Returns a client that opens a connection for every request.
    pub fn unpooled(&self) -> &Client {
        self.unpooled_client.get_or_init(|| self.client(false))
    }

    fn client(&self, pooled: bool) -> Client {
        let made = self.connection.client(&self.tls, self.options, pooled);
        // The first client was built from the same parts.
        made.unwrap_or_else(|_| self.first.clone())
    }
}

/// One request's permit on a client, until its response has ended.
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

    /// Keeps the permit as long as the response lives.
    pub fn into_permit(self, response: &mut Response) {
        response.extensions_mut().insert(self);
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        self.pool.shards[self.shard].live.release(1);
    }
}

/// Streams the response's body; the permit is held until its end.
pub fn body_of(mut response: Response) -> impl Stream<Item = reqwest::Result<Bytes>> {
    let permit = response.extensions_mut().remove::<PooledClient>();
    response.bytes_stream().inspect(move |_| {
        let _kept = &permit;
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
        let mut permits: Vec<PooledClient> = (0..200).map(|_| pool.checkout()).collect();
        let live = |shard: usize| pool.shards[shard].live.in_use();
        assert_eq!([live(0), live(1), live(2), live(3)], [80, 80, 40, 0]);

        permits.truncate(10);
        assert_eq!([live(0), live(1), live(2)], [10, 0, 0]);
        let capacity = MAX_STREAMS_PER_CLIENT as usize * MAX_CLIENTS;
        permits.extend((10..capacity + 128).map(|_| pool.checkout()));
        assert!((0..MAX_CLIENTS).all(|shard| live(shard) == u64::from(MAX_STREAMS_PER_CLIENT) + 2));

        drop(permits);
        assert!((0..MAX_CLIENTS).all(|shard| live(shard) == 0));
    }
}
