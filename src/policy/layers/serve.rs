//! Pure. Where the page is, as all layers say it.

use crate::policy::check::{Draft, ServeDraft};
use crate::policy::serve::Serve;

use super::Join;

/// The outermost file that says a key says what it is.
pub(super) fn serve(join: &mut Join<'_>, drafts: &mut [Draft]) -> Serve {
    let mut said: Vec<Option<ServeDraft>> = drafts.iter_mut().map(|draft| draft.serve.take()).collect();
    let listen = said.iter_mut().map(|draft| draft.as_mut()?.listen.take()).collect();
    let listen = join.outermost("serve.listen", listen);
    let url = said.iter_mut().map(|draft| draft.as_mut()?.url.take()).collect();
    Serve { listen, url: join.outermost("serve.url", url) }
}
