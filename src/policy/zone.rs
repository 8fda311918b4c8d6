//! Time zones by their names.

use std::str::FromStr;

use chrono_tz::{TZ_VARIANTS, Tz};

use super::suggest;

/// The zone of this name in the IANA time zone database, such as `Europe/Berlin`; else what to write instead.
pub fn parse(name: &str) -> Result<Tz, String> {
    Tz::from_str(name).map_err(|_| match suggest::nearest(name, TZ_VARIANTS.iter().map(|tz| tz.name())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "write a name of the IANA time zone database, such as `Europe/Berlin` or `UTC`".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_answered_with_the_zone_that_was_meant() {
        assert_eq!(parse("Europe/Berlin"), Ok(Tz::Europe__Berlin));
        assert_eq!(parse("Europe/Berln").unwrap_err(), "did you mean `Europe/Berlin`?");
        assert!(parse("+02:00").unwrap_err().contains("IANA"));
    }
}
