//! Pure. Responses and events become summaries; JSON, CSV and Markdown.
