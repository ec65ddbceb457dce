//! Typed indices of the catalogue. An index is never assigned to another name, so attempts, leases,
//! observations and recorded decisions stay valid when the configuration changes.

use std::ops::{Index, IndexMut};

/// Marker for rows of a table with one row per provider, in the order of the catalogue.
pub trait PerProvider {}

/// Marker for rows of a table with one row per target, in the order of the catalogue.
pub trait PerTarget {}

/// Defines an index type, and indexes tables of one kind of row with it.
macro_rules! index_type {
    ($(#[$doc:meta])* $name:ident, $row:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(usize);

        impl $name {
            /// Returns the position in a table, counted from 0.
            pub const fn get(self) -> usize {
                self.0
            }

            /// Iterates over the rows of a table with their indices.
            pub fn enumerate<R>(rows: impl IntoIterator<Item = R>) -> impl Iterator<Item = (Self, R)> {
                rows.into_iter().enumerate().map(|(index, row)| (Self(index), row))
            }

            /// Iterates over the indices of a table with `len` rows.
            pub fn all(len: usize) -> impl DoubleEndedIterator<Item = Self> {
                (0..len).map(Self)
            }
        }

        impl From<usize> for $name {
            fn from(position: usize) -> Self {
                Self(position)
            }
        }

        impl<T: $row> Index<$name> for [T] {
            type Output = T;

            fn index(&self, index: $name) -> &T {
                &self[index.0]
            }
        }

        impl<T: $row> IndexMut<$name> for [T] {
            fn index_mut(&mut self, index: $name) -> &mut T {
                &mut self[index.0]
            }
        }

        impl<T: $row> Index<$name> for Vec<T> {
            type Output = T;

            fn index(&self, index: $name) -> &T {
                &self[index.0]
            }
        }

        impl<T: $row> IndexMut<$name> for Vec<T> {
            fn index_mut(&mut self, index: $name) -> &mut T {
                &mut self[index.0]
            }
        }
    };
}

index_type! {
    /// Permanent index of a provider in the catalogue.
    ProviderIdx, PerProvider
}

index_type! {
    /// Permanent index of a target in the catalogue.
    TargetIdx, PerTarget
}
