//! Shares as policies spell them: `80%`, `12.5%`.

/// Why a text is no share. The texts complete "`…` ".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PercentError {
    /// No number before the sign, or no sign.
    #[error("is not a share")]
    Malformed,
    /// Finer than thousandths.
    #[error("is finer than a tenth of a percent")]
    TooFine,
    /// Zero or less.
    #[error("must be more than zero")]
    NotPositive,
    /// More than a thousand percent.
    #[error("is absurdly large")]
    TooLarge,
}

/// A share in thousandths, from 1 to 10,000.
pub(super) fn parse(text: &str) -> Result<u32, PercentError> {
    let number = text.trim().strip_suffix('%').ok_or(PercentError::Malformed)?.trim_end();
    if number.starts_with('-') {
        return Err(PercentError::NotPositive);
    }
    let (whole, places) = number.split_once('.').unwrap_or((number, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(places) {
        return Err(PercentError::Malformed);
    }
    let tenths: u32 = match places.trim_end_matches('0') {
        "" => 0,
        places if places.len() == 1 => places.parse().map_err(|_| PercentError::Malformed)?,
        _ => return Err(PercentError::TooFine),
    };
    let whole: u32 = whole.parse().map_err(|_| PercentError::TooLarge)?;
    match whole.checked_mul(10).and_then(|thousandths| thousandths.checked_add(tenths)) {
        Some(0) => Err(PercentError::NotPositive),
        Some(thousandths) if thousandths <= 10_000 => Ok(thousandths),
        Some(_) | None => Err(PercentError::TooLarge),
    }
}

/// A share as it is written: `80%`, `12.5%`.
pub(super) fn show(thousandths: u32) -> String {
    match thousandths % 10 {
        0 => format!("{}%", thousandths / 10),
        tenths => format!("{}.{tenths}%", thousandths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        for (text, thousandths) in [("80%", 800), ("12.5 %", 125), ("100.0%", 1000), ("0.1%", 1), ("1000%", 10_000)] {
            assert_eq!(parse(text), Ok(thousandths), "{text}");
        }
        assert_eq!(show(800), "80%");
        assert_eq!(show(125), "12.5%");
    }

    #[test]
    fn what_is_no_share_is_refused_with_its_reason() {
        let cases = [
            ("80", PercentError::Malformed),
            ("%", PercentError::Malformed),
            (".5%", PercentError::Malformed),
            ("1.2.3%", PercentError::Malformed),
            ("eighty%", PercentError::Malformed),
            ("0.05%", PercentError::TooFine),
            ("0%", PercentError::NotPositive),
            ("-5%", PercentError::NotPositive),
            ("1001%", PercentError::TooLarge),
            ("99999999999%", PercentError::TooLarge),
        ];
        for (text, error) in cases {
            assert_eq!(parse(text), Err(error), "{text}");
        }
    }
}
