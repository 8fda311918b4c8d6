//! Keys that are told by their shape, as data: who gives them, what stands in each of them, and the pattern.
//!
//! The shapes are those that the givers document, and public scanners list (checked on 2026-11-30). A shape's `holds` are what a text
//! must hold before its pattern is compiled at all: most texts hold none.

use std::sync::{LazyLock, OnceLock};

use regex::Regex;

/// One giver's keys.
#[derive(Debug)]
pub(super) struct KeyFormat {
    /// Who gives such keys.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests name it"))]
    pub(super) giver: &'static str,
    /// One of these stands in every key.
    pub(super) holds: &'static [&'static str],
    /// What is a key. Where nothing else begins so, a key that is glued to an option (`-pghp_…`) is found, too.
    pub(super) pattern: &'static str,
}

/// The patterns of those that some text held, by their place in [`SHAPES`].
static COMPILED: LazyLock<Vec<OnceLock<Regex>>> = LazyLock::new(|| SHAPES.iter().map(|_| OnceLock::new()).collect());

/// The patterns of all keys that a text may hold.
pub(super) fn held_by(text: &str) -> impl Iterator<Item = &'static Regex> {
    let held = SHAPES.iter().zip(COMPILED.iter());
    let held = held.filter(|(shape, _)| shape.holds.iter().any(|held| text.contains(held)));
    held.map(|(shape, compiled)| compiled.get_or_init(|| super::pattern(shape.pattern)))
}

const fn shape(giver: &'static str, holds: &'static [&'static str], pattern: &'static str) -> KeyFormat {
    KeyFormat { giver, holds, pattern }
}

/// All shapes that are known.
pub(super) static SHAPES: &[KeyFormat] = &[
    shape(
        "private keys",
        &["PRIVATE KEY"],
        r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-[^-])*(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    // Where the code lives, and packages.
    shape("GitHub", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"gh[pousr]_[A-Za-z0-9]{16,}"),
    shape("GitHub, fine-grained", &["github_pat_"], r"github_pat_[A-Za-z0-9_]{16,}"),
    shape(
        "GitLab",
        &["glpat-", "gldt-", "glcbt-", "glrt-", "glptt-", "glft-", "glsoat-", "glagent-", "gloas-", "glimt-"],
        r"gl(?:pat|dt|cbt|rt|ptt|ft|soat|agent|oas|imt)-[A-Za-z0-9_.-]{16,}",
    ),
    shape("GitLab, registration", &["GR1348941"], r"GR1348941[A-Za-z0-9_-]{20}"),
    shape("Atlassian", &["ATATT3", "ATCTT3"], r"AT[AC]TT3[A-Za-z0-9_=-]{60,}"),
    shape("Bitbucket, app password", &["ATBB"], r"ATBB[A-Za-z0-9]{32}"),
    shape("npm", &["npm_"], r"npm_[A-Za-z0-9]{30,}"),
    shape("PyPI", &["pypi-AgE"], r"pypi-AgE[A-Za-z0-9_-]{40,}"),
    shape("RubyGems", &["rubygems_"], r"rubygems_[a-f0-9]{48}"),
    shape("crates.io", &["cio"], r"(?-u:\b)cio[A-Za-z0-9]{32}(?-u:\b)"),
    shape("Clojars", &["CLOJARS_"], r"CLOJARS_[A-Za-z0-9]{60}"),
    shape("NuGet", &["oy2"], r"(?-u:\b)oy2[a-z0-9]{43}(?-u:\b)"),
    shape("Docker Hub", &["dckr_"], r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    shape("Artifactory", &["AKCp", "cmVmd"], r"(?-u:\b)(?:AKCp[A-Za-z0-9]{60,}|cmVmd[A-Za-z0-9]{55,})"),
    shape("Sourcegraph", &["sgp_"], r"sgp_(?:[a-f0-9]{16}_|local_)?[a-f0-9]{40}"),
    shape("SonarQube", &["sqp_", "sqa_", "squ_"], r"sq[pau]_[a-f0-9]{40}"),
    shape("Buildkite", &["bkua_"], r"bkua_[a-f0-9]{40}"),
    shape("CircleCI", &["CCIPAT_", "CCIPRJ_"], r"CCIP(?:AT|RJ)_[A-Za-z0-9]{20,}_[a-f0-9]{40}"),
    shape("Snyk", &["snyk_"], r"snyk_(?:uat|sat)\.[a-z0-9]{8}\.[A-Za-z0-9._-]{40,}"),
    // Talk.
    shape("Slack", &["xox"], r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}"),
    shape("Slack, apps", &["xapp-"], r"xapp-[0-9]-[A-Za-z0-9-]{20,}"),
    shape(
        "Slack, webhooks",
        &["hooks.slack.com/"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_+-]{20,}",
    ),
    shape(
        "Discord, webhooks",
        &["/api/webhooks/"],
        r"discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60,}",
    ),
    shape("Microsoft Teams, webhooks", &["webhook.office.com/"], r"webhook\.office\.com/webhookb2/[A-Za-z0-9@/-]{60,}"),
    shape("Telegram", &[":AA"], r"(?-u:\b)[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    // Clouds.
    shape("AWS", &["AKIA", "ASIA", "ABIA", "ACCA"], r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),
    shape("AWS Bedrock", &["ABSK"], r"ABSK[A-Za-z0-9+/]{100,}={0,2}"),
    shape("Google, API", &["AIza"], r"AIza[A-Za-z0-9_-]{30,}"),
    shape("Google, OAuth", &["ya29."], r"ya29\.[A-Za-z0-9_-]{20,}"),
    shape("Google, clients", &["GOCSPX-"], r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    shape("Azure, clients", &["Q~"], r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"),
    shape("Azure, storage", &["AccountKey="], r"AccountKey=[A-Za-z0-9+/]{86}=="),
    shape("Alibaba", &["LTAI"], r"(?-u:\b)LTAI[A-Za-z0-9]{16,24}(?-u:\b)"),
    shape("DigitalOcean", &["_v1_"], r"do[opr]_v1_[a-f0-9]{40,}"),
    shape("Fly.io", &["fm2_", "fo1_", "FlyV1"], r"(?:fm2_[A-Za-z0-9+/_,-]{60,}={0,3}|fo1_[A-Za-z0-9_-]{43})"),
    shape("Heroku", &["HRKU-"], r"HRKU-[A-Za-z0-9_-]{36,}"),
    shape("Cloudflare, origin", &["v1.0-"], r"v1\.0-[a-f0-9]{24}-[a-f0-9]{100,}"),
    shape("Databricks", &["dapi"], r"dapi[a-f0-9]{32}(?:-[0-9])?"),
    shape("HashiCorp Vault", &["hvs.", "hvb.", "hvr."], r"hv[sbr]\.[A-Za-z0-9_-]{20,}"),
    shape("HashiCorp Terraform", &[".atlasv1."], r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}"),
    shape("Pulumi", &["pul-"], r"(?-u:\b)pul-[a-f0-9]{40}"),
    shape("Doppler", &["dp."], r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40,44}"),
    shape("Infracost", &["ico-"], r"(?-u:\b)ico-[A-Za-z0-9]{32}(?-u:\b)"),
    shape("PlanetScale", &["pscale_"], r"pscale_(?:tkn|oauth|pw)_[A-Za-z0-9_=.-]{32,}"),
    shape("Supabase", &["sbp_", "sb_secret_"], r"(?:sbp_[a-f0-9]{40}|sb_secret_[A-Za-z0-9_-]{31})"),
    shape("OpenShift", &["sha256~"], r"sha256~[A-Za-z0-9_-]{43}"),
    shape("Tailscale", &["tskey-"], r"tskey-[a-z]+-[A-Za-z0-9]+-[A-Za-z0-9]{20,}"),
    shape("Octopus Deploy", &["API-"], r"(?-u:\b)API-[A-Z0-9]{26,}(?-u:\b)"),
    shape("Prefect", &["pnu_"], r"pnu_[a-zA-Z0-9]{36}"),
    shape("Harness", &["pat.", "sat."], r"(?-u:\b)[ps]at\.[A-Za-z0-9_-]{22}\.[a-f0-9]{24}\.[A-Za-z0-9]{20}"),
    // Money and shops.
    shape("Stripe", &["k_live_", "k_test_", "k_prod_"], r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"),
    shape("Stripe, webhooks", &["whsec_"], r"whsec_[A-Za-z0-9+/=]{20,}"),
    shape("Square", &["sq0", "EAAA"], r"(?:sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,}|(?-u:\b)EAAA[A-Za-z0-9_-]{60})"),
    shape("Shopify", &["shpat_", "shpca_", "shppa_", "shpss_"], r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    shape("Flutterwave", &["FLWSECK"], r"FLWSECK(?:_TEST)?-[a-hA-H0-9]{12,}(?:-X)?"),
    shape("EasyPost", &["EZAK", "EZTK"], r"EZ[AT]K[A-Za-z0-9]{54}"),
    shape("Shippo", &["shippo_"], r"shippo_(?:live|test)_[a-fA-F0-9]{40}"),
    shape(
        "Plaid",
        &["access-"],
        r"access-(?:sandbox|development|production)-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}",
    ),
    // Mail and messages to customers.
    shape("SendGrid", &["SG."], r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    shape("Mailgun", &["key-"], r"key-[a-f0-9]{32}"),
    shape("Mailchimp", &["-us"], r"(?-u:\b)[a-f0-9]{32}-us[0-9]{1,2}(?-u:\b)"),
    shape("Brevo", &["xkeysib-", "xsmtpsib-"], r"x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    shape("Twilio", &["SK"], r"(?-u:\b)SK[a-f0-9]{32}(?-u:\b)"),
    shape("Resend", &["re_"], r"(?-u:\b)re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}"),
    // Work.
    shape("Linear", &["lin_api_", "lin_oauth_"], r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    shape("Notion", &["secret_", "ntn_"], r"(?:secret_|ntn_)[A-Za-z0-9]{40,}"),
    shape("Airtable", &["pat"], r"(?-u:\b)pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    shape("Asana", &["2/"], r"(?-u:\b)2/[0-9]{14,18}/[0-9]{14,18}:[a-f0-9]{32}"),
    shape("Figma", &["figd_", "figu_"], r"fig[du]_[A-Za-z0-9_-]{40,}"),
    shape("Typeform", &["tfp_"], r"tfp_[A-Za-z0-9_.=-]{44,}"),
    shape("Postman", &["PMAK-"], r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    shape("ReadMe", &["rdme_"], r"rdme_[a-z0-9]{70}"),
    shape("Dropbox", &["sl."], r"(?-u:\b)sl\.(?:u\.)?[A-Za-z0-9_-]{120,}"),
    shape("Contentful", &["CFPAT-"], r"CFPAT-[A-Za-z0-9_-]{43}"),
    shape("Mapbox", &["k.eyJ"], r"(?-u:\b)[ps]k\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"),
    // Metrics and logs.
    shape("Sentry", &["sntrys_", "sntryu_"], r"sntry[su]_[A-Za-z0-9_=+/-]{40,}"),
    shape("New Relic, users", &["NRAK-"], r"NRAK-[A-Z0-9]{27}"),
    shape("New Relic", &["NRJS-", "NRII-", "NRAA-", "NRRA-"], r"NR(?:JS|II|AA|RA)-[A-Za-z0-9_-]{19,}"),
    shape("Grafana", &["glc_", "glsa_"], r"gl(?:c|sa)_[A-Za-z0-9_+/=]{32,}"),
    shape("Dynatrace", &["dt0"], r"dt0[a-z][0-9]{2}\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}"),
    shape("PostHog", &["phx_", "phs_"], r"ph[xs]_[A-Za-z0-9]{43,}"),
    shape("Langfuse", &["sk-lf-"], r"sk-lf-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}"),
    // Models. A word must begin with `sk-`, which other words have in their middle (`task-…`).
    shape("OpenAI, Anthropic and others", &["sk-"], r"(?-u:\b)sk-[A-Za-z0-9_-]{16,}"),
    shape("Groq", &["gsk_"], r"gsk_[A-Za-z0-9]{32,}"),
    shape("xAI", &["xai-"], r"xai-[A-Za-z0-9]{40,}"),
    shape("Perplexity", &["pplx-"], r"pplx-[A-Za-z0-9]{32,}"),
    shape("Replicate", &["r8_"], r"r8_[A-Za-z0-9]{36,}"),
    shape("Hugging Face", &["hf_", "api_org_"], r"(?:hf_[A-Za-z0-9]{20,}|api_org_[A-Za-z]{34})"),
    shape("Fireworks", &["fw_"], r"(?-u:\b)fw_[A-Za-z0-9]{22,}"),
    shape("Nvidia", &["nvapi-"], r"nvapi-[A-Za-z0-9_-]{60,}"),
    // Whatever gives them.
    shape("JSON web tokens", &["eyJ"], r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    shape("age", &["AGE-SECRET-KEY-1"], r"AGE-SECRET-KEY-1[A-Z0-9]{20,}"),
    shape(
        "1Password",
        &["ops_eyJ", "A3-"],
        r"(?:ops_eyJ[A-Za-z0-9+/=]{60,}|(?-u:\b)A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3})",
    ),
];
