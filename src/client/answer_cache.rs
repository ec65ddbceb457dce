//! Answers that were read from the store, for those who ask the same again soon.

use crate::clock;
use crate::domain::UnixTime;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Questions whose answers are held.
const MAX_ANSWERS: usize = 64;

/// The last answer to one question; its lock is held while a new one is made.
type Answer<A> = Arc<tokio::sync::Mutex<Option<(UnixTime, A)>>>;

/// Answers by their question.
#[derive(Debug)]
pub(super) struct AnswerCache<Q, A> {
    /// How long an answer is repeated; 0 makes every one anew.
    cache_ms: AtomicU64,
    answers: Mutex<BTreeMap<Q, Answer<A>>>,
}

impl<Q, A> Default for AnswerCache<Q, A> {
    fn default() -> Self {
        Self {
            cache_ms: AtomicU64::new(0),
            answers: Mutex::default(),
        }
    }
}

impl<Q: Ord + Clone, A: Clone> AnswerCache<Q, A> {
    pub(super) fn set_cache_time(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.cache_ms.store(milliseconds, Ordering::Relaxed);
    }

    /// Forgets all answers.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// The answer to a question: the last one if it is new enough, else that of `make`, which those who
    /// ask at the same time share.
    pub(super) async fn get<E>(
        &self,
        question: &Q,
        make: impl Future<Output = Result<A, E>>,
    ) -> Result<A, E> {
        let cache_time = Duration::from_millis(self.cache_ms.load(Ordering::Relaxed));
        if cache_time.is_zero() {
            return make.await;
        }
        let held = self.held(question);
        let mut held = held.lock().await;
        if let Some((at, answer)) = &*held
            && clock::now().since(*at) < cache_time
        {
            return Ok(answer.clone());
        }
        let answer = make.await?;
        *held = Some((clock::now(), answer.clone()));
        Ok(answer)
    }

    fn held(&self, question: &Q) -> Answer<A> {
        let mut answers = self.lock();
        if answers.len() >= MAX_ANSWERS && !answers.contains_key(question) {
            answers.clear();
        }
        Arc::clone(answers.entry(question.clone()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Q, Answer<A>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    const LONG: Duration = Duration::from_hours(1);

    /// Counts how often an answer is made.
    #[derive(Default)]
    struct Maker(AtomicU32);

    impl Maker {
        async fn make(&self) -> Result<u32, &'static str> {
            let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            tokio::task::yield_now().await;
            Ok(number)
        }
    }

    async fn asked(cache: &AnswerCache<u32, u32>, question: u32, maker: &Maker) -> u32 {
        cache.get(&question, maker.make()).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_repeated_and_made_once_for_all_who_ask() {
        let (cache, maker) = (AnswerCache::default(), Maker::default());
        assert_eq!(asked(&cache, 1, &maker).await, 1);
        assert_eq!(asked(&cache, 1, &maker).await, 2, "off by default");
        cache.set_cache_time(LONG);

        let both = tokio::join!(asked(&cache, 1, &maker), asked(&cache, 1, &maker));

        assert_eq!(both, (3, 3));
        assert_eq!(asked(&cache, 1, &maker).await, 3);
        assert_eq!(asked(&cache, 2, &maker).await, 4, "another question");
        cache.clear();
        assert_eq!(asked(&cache, 1, &maker).await, 5);
    }

    #[tokio::test]
    async fn failures_are_not_repeated_and_the_number_of_answers_is_bounded() {
        let (cache, maker) = (AnswerCache::default(), Maker::default());
        cache.set_cache_time(LONG);
        assert_eq!(cache.get(&1, async { Err("away") }).await, Err("away"));

        assert_eq!(asked(&cache, 1, &maker).await, 1);
        for question in 2..1_000 {
            asked(&cache, question, &maker).await;
        }

        assert!(cache.lock().len() <= MAX_ANSWERS);
    }
}
