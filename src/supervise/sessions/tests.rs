use super::*;

#[test]
fn a_full_disk_is_told_once_and_by_the_folder_that_sessions_are_in() {
    let mut sessions = Sessions::new(Timestamp::UNIX_EPOCH);
    let full = |folder: &Path| folder == Path::new("/full/sessions");
    assert_eq!(sessions.newly_full_by(full), None, "nothing is watched");
    sessions.homes.insert("/roomy".into());
    assert_eq!(sessions.newly_full_by(full), None);
    sessions.homes.insert("/full".into());
    assert_eq!(sessions.newly_full_by(full), Some("/full/sessions".into()));
    assert_eq!(sessions.newly_full_by(full), None, "said once");
}
