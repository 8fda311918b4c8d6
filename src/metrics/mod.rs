//! The figures of a ledger as Prometheus reads them: names, labels, text.

pub mod bound;
pub mod budgets;
pub mod families;
pub mod figures;
pub mod group;
pub mod text;

pub use bound::Name;
pub use families::{Kept, exposition};
pub use figures::{BudgetFigure, Figures, LABELS, Spender, labels};
