//! Reads the members of an answer one by one. A member of another type than expected reads as absent
//! and never makes the whole answer unreadable; of a member that comes twice the last one counts.

use super::raw_object::MemberName;
use memchr::memchr;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// What was found where a value was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading<T> {
    /// `null`.
    Absent,
    /// A value of another type.
    Odd,
    /// The value.
    Found(T),
}

impl<T> Reading<T> {
    fn of(found: Option<T>) -> Self {
        found.map_or(Self::Odd, Self::Found)
    }

    /// Returns the value, and notes in `odd` whether another type was found.
    pub fn or_note(self, odd: &mut bool) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            Self::Absent => None,
            Self::Odd => {
                *odd = true;
                None
            }
        }
    }
}

/// A type that is read from any JSON value.
pub(super) trait Lenient<'de>: Sized {
    /// Reads the value; fails only where the bytes are not JSON.
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Reading<Self>, D::Error>;

    /// Reads it from an object, also from one that stands where a list of such values belongs.
    fn read_object<A: MapAccess<'de>>(mut map: A) -> Result<Reading<Self>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Reading::Odd)
    }
}

/// Reads a whole JSON text; `None` where it is JSON of another type.
pub(super) fn from_json<'de, T: Lenient<'de>>(
    json: &'de [u8],
) -> Result<Option<T>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let reading = T::read(&mut deserializer)?;
    deserializer.end()?;
    Ok(reading.or_note(&mut false))
}

/// Reads the text of a JSON string; `None` for every other value.
pub(super) fn text_in(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(json).ok().map(Cow::Owned)
}

/// Reads a leaf by its JSON text.
fn leaf<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&'de RawValue) -> Option<T>,
) -> Result<Reading<T>, D::Error> {
    let raw = <&RawValue>::deserialize(deserializer)?;
    if raw.get() == "null" {
        return Ok(Reading::Absent);
    }
    Ok(Reading::of(read(raw)))
}

impl<'de: 'a, 'a> Lenient<'de> for Cow<'a, str> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Reading<Self>, D::Error> {
        leaf(deserializer, |raw| text_in(raw.get()))
    }
}

impl<'de: 'a, 'a> Lenient<'de> for &'a RawValue {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Reading<Self>, D::Error> {
        leaf(deserializer, Some)
    }
}

impl<'de> Lenient<'de> for bool {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Reading<Self>, D::Error> {
        leaf(deserializer, |raw| match raw.get() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        })
    }
}

/// Reads a number that is not negative, also one in quotes.
fn number<T: std::str::FromStr>(raw: &RawValue) -> Option<T> {
    raw.get().trim_matches('"').parse().ok()
}

impl<'de> Lenient<'de> for u64 {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Reading<Self>, D::Error> {
        leaf(deserializer, number)
    }
}

impl<'de> Lenient<'de> for u32 {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Reading<Self>, D::Error> {
        leaf(deserializer, number)
    }
}

impl<'de> Lenient<'de> for Value {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Reading<Self>, D::Error> {
        leaf(deserializer, |raw| serde_json::from_str(raw.get()).ok())
    }
}

/// Reads an object by the type's own rules.
pub(super) fn parsed_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Reading<T>, D::Error> {
    leaf(deserializer, |raw| {
        let json = raw.get();
        let object = json.starts_with('{').then_some(json)?;
        serde_json::from_str(object).ok()
    })
}

/// An id or a name, which some servers write as a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdText<'a> {
    pub text: Cow<'a, str>,
    pub is_number: bool,
}

impl<'de: 'a, 'a> Lenient<'de> for IdText<'a> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Reading<Self>, D::Error> {
        leaf(deserializer, |raw| {
            let json = raw.get();
            let is_number = json.starts_with(|first: char| first.is_ascii_digit());
            let number = is_number.then_some(Cow::Borrowed(json));
            let text = number.or_else(|| text_in(json))?;
            Some(Self { text, is_number })
        })
    }
}

impl<'de, T: Lenient<'de>> Lenient<'de> for Vec<T> {
    fn read<D: Deserializer<'de>>(deserializer: D) -> Result<Reading<Self>, D::Error> {
        struct List<T>(PhantomData<T>);

        impl<'de, T: Lenient<'de>> Collection<'de> for List<T> {
            type Value = Vec<T>;

            fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Reading<Vec<T>>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element_seed(Seed(PhantomData))? {
                    values.extend(value.or_note(&mut false));
                }
                Ok(Reading::Found(values))
            }

            /// One value without its list.
            fn object<A: MapAccess<'de>>(map: A) -> Result<Reading<Vec<T>>, A::Error> {
                Ok(match T::read_object(map)? {
                    Reading::Found(value) => Reading::Found(vec![value]),
                    Reading::Absent | Reading::Odd => Reading::Odd,
                })
            }
        }

        deserializer.deserialize_any(CollectionVisitor::<List<T>>(PhantomData))
    }
}

/// Reads an object: itself, or the first of a list that stands in its place.
pub(super) fn object<'de, D: Deserializer<'de>, T: Lenient<'de>>(
    deserializer: D,
) -> Result<Reading<T>, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Lenient<'de>> Collection<'de> for Object<T> {
        type Value = T;

        fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Reading<T>, A::Error> {
            let first = list.next_element_seed(First(PhantomData))?;
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(first.unwrap_or(Reading::Odd))
        }

        fn object<A: MapAccess<'de>>(map: A) -> Result<Reading<T>, A::Error> {
            T::read_object(map)
        }
    }

    /// The first value of a list: an object and nothing else. Lists within lists would be read by
    /// one more call each, as deep as the server nests them.
    struct First<T>(PhantomData<T>);

    impl<'de, T: Lenient<'de>> Collection<'de> for First<T> {
        type Value = T;

        fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Reading<T>, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Reading::Odd)
        }

        fn object<A: MapAccess<'de>>(map: A) -> Result<Reading<T>, A::Error> {
            T::read_object(map)
        }
    }

    impl<'de, T: Lenient<'de>> DeserializeSeed<'de> for First<T> {
        type Value = Reading<T>;

        fn deserialize<D: Deserializer<'de>>(
            self,
            deserializer: D,
        ) -> Result<Reading<T>, D::Error> {
            deserializer.deserialize_any(CollectionVisitor::<Self>(PhantomData))
        }
    }

    deserializer.deserialize_any(CollectionVisitor::<Object<T>>(PhantomData))
}

/// What a list and an object read as.
trait Collection<'de> {
    type Value;

    fn list<A: SeqAccess<'de>>(list: A) -> Result<Reading<Self::Value>, A::Error>;
    fn object<A: MapAccess<'de>>(map: A) -> Result<Reading<Self::Value>, A::Error>;
}

struct CollectionVisitor<C>(PhantomData<C>);

impl<'de, C: Collection<'de>> Visitor<'de> for CollectionVisitor<C> {
    type Value = Reading<C::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        C::list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        C::object(map)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Reading::Absent)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Reading::Odd)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Reading::Odd)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Reading::Odd)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Reading::Odd)
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Reading::Odd)
    }
}

/// Reads one value of a list or one member of an object.
pub(super) struct Seed<T>(pub PhantomData<T>);

impl<'de, T: Lenient<'de>> DeserializeSeed<'de> for Seed<T> {
    type Value = Reading<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Reading<T>, D::Error> {
        T::read(deserializer)
    }
}

/// Returns the next name of an object.
pub(super) fn next_name<'de, A: MapAccess<'de>>(
    map: &mut A,
) -> Result<Option<Cow<'de, str>>, A::Error> {
    Ok(map.next_key()?.map(|MemberName(name)| name))
}

/// Defines a struct whose members are read leniently by their names. `odd` says that one of them had
/// another type.
macro_rules! lenient_object {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident<$life:lifetime> {
            $(
                $(#[$member_meta:meta])*
                $member_vis:vis $member:ident: Option<$type:ty> = $($key:literal)|+
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Default)]
        $vis struct $name<$life> {
            $($(#[$member_meta])* $member_vis $member: Option<$type>,)*
            /// True if a member had another type than expected.
            pub odd: bool,
        }

        impl<'de: $life, $life> $crate::protocols::lenient::Lenient<'de> for $name<$life> {
            fn read<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<$crate::protocols::lenient::Reading<Self>, D::Error> {
                $crate::protocols::lenient::object(deserializer)
            }

            fn read_object<A: serde::de::MapAccess<'de>>(
                mut map: A,
            ) -> Result<$crate::protocols::lenient::Reading<Self>, A::Error> {
                let mut object = Self::default();
                while let Some(name) = $crate::protocols::lenient::next_name(&mut map)? {
                    match &*name {
                        $($($key)|+ => {
                            let seed = $crate::protocols::lenient::Seed::<$type>(std::marker::PhantomData);
                            let reading = map.next_value_seed(seed)?;
                            object.$member = reading.or_note(&mut object.odd);
                        })*
                        _ => {
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                    }
                }
                Ok($crate::protocols::lenient::Reading::Found(object))
            }
        }
    };
}

/// Reads types by their own rules, from an object only; one that they reject is absent.
macro_rules! lenient_json {
    ($($type:ty),* $(,)?) => {
        $(impl<'de> $crate::protocols::lenient::Lenient<'de> for $type {
            fn read<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<$crate::protocols::lenient::Reading<Self>, D::Error> {
                $crate::protocols::lenient::parsed_object(deserializer)
            }
        })*
    };
}

pub(super) use {lenient_json, lenient_object};

#[cfg(test)]
mod tests {
    use super::*;

    lenient_object! {
        struct Outer<'a> {
            text: Option<Cow<'a, str>> = "text" | "words",
            id: Option<IdText<'a>> = "id",
            number: Option<u64> = "number",
            inner: Option<Inner<'a>> = "inner",
            list: Option<Vec<Inner<'a>>> = "list",
        }
    }

    lenient_object! {
        struct Inner<'a> {
            text: Option<Cow<'a, str>> = "text",
        }
    }

    fn read(json: &str) -> Outer<'_> {
        from_json(json.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn a_member_of_another_type_is_absent_and_noted() {
        for other in ["7", "-1.5", "true", "{\"a\":[1]}", "[[],{}]", "\"\\u00e9\""] {
            for name in ["text", "id", "number", "inner", "list"] {
                let json = format!(r#"{{"{name}":{other},"words":"a"}}"#);
                let outer = read(&json);
                assert_eq!(outer.text.as_deref(), Some("a"), "{json}");
            }
        }
        assert!(read(r#"{"text":{"a":1}}"#).odd);
        assert!(!read(r#"{"text":null,"number":"7","id":7}"#).odd);
    }

    #[test]
    fn a_list_and_its_only_object_stand_for_each_other() {
        let text = |inner: &Inner<'_>| inner.text.as_deref().map(str::to_owned);
        let outer = read(r#"{"inner":[{"text":"a"},7],"list":{"text":"b"}}"#);
        assert_eq!(outer.inner.as_ref().and_then(text), Some("a".to_owned()));
        let list: Vec<_> = outer.list.iter().flatten().map(text).collect();
        assert_eq!(list, [Some("b".to_owned())]);
        let list = read(r#"{"list":[7,null,{"text":"b"},"x"]}"#).list;
        assert_eq!(list.map(|list| list.len()), Some(1));
    }

    #[test]
    fn lists_within_lists_take_no_stack() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let read = move || {
            assert!(from_json::<Outer<'_>>(deep.as_bytes()).unwrap().is_none());
            assert!(
                from_json::<Outer<'_>>(br#"[[{"text":"a"}]]"#)
                    .unwrap()
                    .is_none()
            );
        };
        // As little as 100 levels of calls would not leave.
        let thread = std::thread::Builder::new().stack_size(64 << 10);
        thread.spawn(read).unwrap().join().unwrap();
    }

    #[test]
    fn a_member_that_comes_twice_is_the_last_one() {
        let outer = read(r#"{"text":"a","text":"b","id":12345678901234567890}"#);
        assert_eq!(outer.text.as_deref(), Some("b"));
        assert_eq!(&*outer.id.unwrap().text, "12345678901234567890");
    }

    #[test]
    fn only_bytes_that_are_not_json_are_an_error() {
        assert!(from_json::<Outer<'_>>(b"{\"text\":").is_err());
        assert!(from_json::<Outer<'_>>(b"{} {}").is_err());
        assert!(from_json::<Outer<'_>>(b"7").unwrap().is_none());
    }
}
