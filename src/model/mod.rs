//! The nouns: what every stage talks about, and nothing that does anything.

pub mod active_time;
pub mod answer;
pub mod attribution;
pub mod brake;
pub mod commit;
pub mod ending;
pub mod event;
pub mod exception;
pub mod family;
pub mod file;
pub mod grant;
pub mod histogram;
pub mod id;
pub mod may_answer;
pub mod money;
pub mod notice;
pub mod passing;
pub mod peer;
pub mod person;
pub mod plan;
pub mod progress;
pub mod quantity;
pub mod reconciled;
pub mod registration;
pub mod response;
pub mod run;
pub mod slice;
pub mod snapshot;
pub mod sum;
pub mod threshold;
pub mod token;
pub mod tokens;
pub mod trial;
pub mod under_way;
pub mod unobserved;
pub mod verb;
pub mod with_unit;
pub mod work;

pub use answer::{Answer, AnswerWord, Subject};
pub use attribution::{Attribution, Dimension};
pub use brake::{Brake, Braked};
pub use commit::{Commit, CommitId, Committed, LineKind, Lines};
pub use event::Event;
pub use exception::{Exception, ExceptionKind, ExceptionState, Review};
pub use family::Family;
pub use file::FileId;
pub use grant::{Grant, Granted};
pub use histogram::{HOOK_BOUNDS, Histogram, WAIT_BOUNDS};
pub use id::{
    AgentName, AlertName, ApprovalId, BudgetName, ExceptionId, GateName, ModelId, ResponseKey, RunId, ThreadId,
};
pub use may_answer::MayAnswer;
pub use money::Money;
pub use notice::{Notice, NoticeKind, Whence};
pub use passing::{Changed, CheckEnd, CheckFails, CheckOutcome, Examined, WorkCheck, WorkReview};
pub use peer::{Caller, Peer, Visitor};
pub use person::{Answerer, Door, Identity, Person};
pub use plan::{LimitTold, PlanLength, PlanWindow};
pub use progress::{Progress, Streak};
pub use quantity::{Quantity, Unit};
pub use reconciled::{BillSource, BillSubject, ObservedPart, Reconciled, ToldPart};
pub use registration::{Priority, Registration};
pub use response::{Basis, Billing, Cost, Guess, Response, ServiceTier, Source, recorded_at};
pub use run::{
    Alive, Approval, ApprovalState, BudgetKey, Extension, ProcessIdentity, RunInfo, RunProcess, ThreadInfo,
    scope_in_words,
};
pub use slice::Slice;
pub use snapshot::{AgentState, Live, LiveAgent, LiveLimit, LivePool, RATE_FROM, RATE_OVER};
pub use sum::{Repriced, Sum};
pub use threshold::{Threshold, part_of};
pub use token::{Token, TokenHash};
pub use tokens::Tokens;
pub use under_way::UnderWay;
pub use unobserved::Unobserved;
pub use verb::Verb;
pub use work::WorkClass;

/// A moment, always UTC; shown as RFC 3339, stored as milliseconds since 1970.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
