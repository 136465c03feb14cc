//! The machinery that makes one declaration the source of a setting's name, type, default, limits and documentation.
//!
//! [`settings!`] turns each section's declaration in [`sections`](super::sections) into a struct with defaults, and into
//! [`Key`]s. The file's and the environment's names, their validation, the reference, `check-config` and the comparison
//! at a reload all walk the same [`Key`]s, so none of them can miss a setting.

use super::Config;
use super::value::{Raw, Wrong};

/// When a changed setting takes effect at a reload (SIGHUP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Apply {
    /// At once.
    Live,
    /// For connections that are accepted after the reload.
    NewConnections,
    /// For streams that go live after the reload.
    NewLives,
    /// Not before the server is restarted.
    Restart,
}

impl Apply {
    /// For the reference's column and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "at once",
            Self::NewConnections => "for new connections",
            Self::NewLives => "for streams that start later",
            Self::Restart => "after a restart",
        }
    }
}

/// One setting: everything that is known about it.
pub(super) struct Key {
    /// The TOML table, empty for the top level.
    pub(super) section: &'static str,
    /// The key within its table.
    pub(super) name: &'static str,
    /// The field's doc comment, lines separated by newlines, each beginning with a blank.
    pub(super) doc: &'static str,
    /// The flag of `serve` that sets it.
    pub(super) flag: Option<&'static str>,
    /// When a change takes effect.
    pub(super) apply: Apply,
    /// What is allowed.
    pub(super) allowed: fn() -> String,
    /// Reads a value into a configuration.
    pub(super) set: fn(&mut Config, &Raw<'_>) -> Result<(), Wrong>,
    /// The value of a configuration in TOML's syntax; `None` where it is not set.
    pub(super) show: fn(&Config) -> Option<String>,
    /// Copies the value from the first configuration to the second.
    pub(super) copy: fn(&Config, &mut Config),
}

impl Key {
    /// `section.name`, or the name alone at the top level.
    pub(super) fn path(&self) -> String {
        if self.section.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.section, self.name) }
    }

    /// The environment variable: `PULSE_SECTION_NAME`.
    pub(super) fn variable(&self) -> String {
        format!("PULSE_{}", self.path().replace('.', "_").to_uppercase())
    }
}

/// One TOML table.
pub(super) struct Section {
    /// Its name, empty for the top level.
    pub(super) name: &'static str,
    /// The struct's doc comment, in [`Key::doc`]'s form.
    pub(super) doc: &'static str,
    /// Its settings in the order they are declared.
    pub(super) keys: Vec<Key>,
}

/// Declares one section: `field: Type = default, rule, apply` with an optional `, flag "--name"`.
///
/// `in "name" at field` gives the table's name and the field of [`Config`] that holds the struct; the top level has the
/// empty name, no field, and may list further fields after `with`.
macro_rules! settings {
    (
        $(#[doc = $doc:literal])*
        pub struct $Name:ident in $section:literal $(at $at:ident)? {
            $(
                $(#[doc = $field_doc:literal])*
                $field:ident: $Type:ty = $default:expr, $rule:expr, $apply:ident $(, flag $flag:literal)?;
            )*
        }
        $(with { $( $(#[doc = $extra_doc:literal])* $extra:ident: $Extra:ty,)* })?
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub struct $Name {
            $($(#[doc = $field_doc])* pub $field: $Type,)*
            $($($(#[doc = $extra_doc])* pub $extra: $Extra,)*)?
        }

        impl Default for $Name {
            fn default() -> Self {
                Self { $($field: $default,)* $($($extra: Default::default(),)*)? }
            }
        }

        impl $Name {
            $crate::config::table::place!($($at)?);

            pub(super) fn section() -> $crate::config::table::Section {
                use $crate::config::table::{Apply, Key, Section};
                use $crate::config::value::{Rule, Setting, read_checked};
                Section {
                    name: $section,
                    doc: concat!($($doc, "\n"),*),
                    keys: vec![$(Key {
                        section: $section,
                        name: stringify!($field),
                        doc: concat!($($field_doc, "\n"),*),
                        flag: $crate::config::table::flag!($($flag)?),
                        apply: Apply::$apply,
                        allowed: || Rule::<$Type>::allowed(&$rule),
                        set: |config, raw| {
                            Self::of_mut(config).$field = read_checked::<$Type>(raw, &$rule)?;
                            Ok(())
                        },
                        show: |config| Setting::show(&Self::of(config).$field),
                        copy: |from, to| Self::of_mut(to).$field.clone_from(&Self::of(from).$field),
                    }),*],
                }
            }
        }
    };
}

/// How a section is reached from the configuration.
macro_rules! place {
    () => {
        fn of(config: &Config) -> &Self {
            config
        }
        fn of_mut(config: &mut Config) -> &mut Self {
            config
        }
    };
    ($at:ident) => {
        fn of(config: &Config) -> &Self {
            &config.$at
        }
        fn of_mut(config: &mut Config) -> &mut Self {
            &mut config.$at
        }
    };
}

macro_rules! flag {
    () => {
        None
    };
    ($flag:literal) => {
        Some($flag)
    };
}
pub(super) use {flag, place, settings};
