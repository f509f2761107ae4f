//! The types of the attributes that the contract names.

use crate::Operator;

/// What the contract says of an attribute's type, so that a comparison that can never hold is
/// refused when written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    List,
    Boolean,
    Number,
    Time,
    /// A custom permission, or what an OFREP context brings.
    Any,
}

impl Kind {
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "user_id" | "external_id" | "username" | "email" | "role" | "status" | "directory" | "app_id" => Self::Text,
            "groups" | "scopes" => Self::List,
            "email_verified" | "can_use" => Self::Boolean,
            "credit_rate" | "credit_balance" | "lifetime_earned" | "lifetime_spent" => Self::Number,
            "created_at" => Self::Time,
            _ => Self::Any,
        }
    }

    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::List => "a list of texts",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Time => "a time",
            Self::Any => "of any type",
        }
    }

    pub(crate) fn value(self) -> &'static str {
        match self {
            Self::Text | Self::List => "text",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Time => "time",
            Self::Any => "text, number or boolean",
        }
    }

    pub(crate) fn operators(self) -> &'static str {
        match self {
            Self::Text | Self::List => {
                "`=`, `!=`, `in`, `not_in`, `contains`, `starts_with`, `ends_with`, `matches` or `exists`"
            }
            Self::Boolean => "`=`, `!=`, `in`, `not_in` or `exists`",
            Self::Number => "`=`, `!=`, `in`, `not_in`, `<`, `<=`, `>`, `>=` or `exists`",
            Self::Time => "`before`, `after` or `exists`",
            Self::Any => "any operator",
        }
    }

    pub(crate) fn takes(self, op: Operator) -> bool {
        use Operator as O;
        let equality = matches!(op, O::Equal | O::NotEqual | O::In | O::NotIn);
        op == O::Exists
            || match self {
                Self::Any => true,
                Self::Boolean => equality,
                Self::Text | Self::List => {
                    equality || matches!(op, O::Contains | O::StartsWith | O::EndsWith | O::Matches)
                }
                Self::Number => equality || matches!(op, O::Less | O::LessOrEqual | O::Greater | O::GreaterOrEqual),
                Self::Time => matches!(op, O::Before | O::After),
            }
    }
}
