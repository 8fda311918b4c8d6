//! The one loop that joins the stages: select, handle, record, perform.
