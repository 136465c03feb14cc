//! The texts of mails.

use super::queue::Content;

/// A mail's subject and text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) subject: &'static str,
    pub(super) body: String,
}

/// The text of a mail, with links below `base`, a URL without a slash at its end.
pub(super) fn of(content: &Content, base: &str) -> Text {
    let token = content.token.as_deref().unwrap_or_default();
    let (subject, body) = match content.kind.as_str() {
        "verify_email" => (
            "Verify your e-mail address",
            format!(
                "Welcome to Pulse.\n\nFollow this link to show that this address is yours; it works for a day:\n\n\
                 {base}/verify-email#token={token}\n\nOr send the token to POST /v1/auth/email/verify:\n\n{token}\n\n\
                 If you did not register, do nothing.\n"
            ),
        ),
        "already_registered" => (
            "You have an account already",
            format!(
                "Somebody, perhaps you, has registered at {base} with this address, which has an account already. \
                 Log in, or have your password reset. If it was not you, do nothing.\n"
            ),
        ),
        "reset_password" => (
            "Reset your password",
            format!(
                "Follow this link to choose another password; it works for an hour:\n\n\
                 {base}/reset-password#token={token}\n\nOr send the token to POST /v1/auth/password/reset:\n\n{token}\n\n\
                 If you did not ask for it, do nothing: your password stays as it is.\n"
            ),
        ),
        "password_changed" => (
            "Your password was changed",
            format!(
                "The password of your account at {base} was changed, and all log-ins were ended. If it was not you, \
                 have your password reset at once.\n"
            ),
        ),
        _ => (
            "You are invited",
            format!(
                "You are invited into the organization “{}” at {base}, as {}.\n\nFollow this link to accept; it works \
                 for seven days, and only for an account with this e-mail address:\n\n{base}/invitation#token={token}\n\n\
                 Or, logged in, send the token to POST /v1/invitations/accept:\n\n{token}\n",
                content.organization.as_deref().unwrap_or_default(),
                content.role.as_deref().unwrap_or_default(),
            ),
        ),
    };
    Text { subject, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the fragment a token stays out of logs of servers and proxies.
    #[test]
    fn links_have_their_token_in_the_fragment() {
        for kind in ["verify_email", "reset_password", "invitation"] {
            let content = Content {
                kind: kind.to_owned(),
                token: Some("abc".to_owned()),
                organization: Some("Acme".to_owned()),
                role: Some("viewer".to_owned()),
            };
            let text = of(&content, "https://pulse.example");
            assert!(text.body.contains("#token=abc\n"), "{}", text.body);
        }
    }
}
