//! A valid request for every operation, and who may send it: a literal table, independent of the server's.

use serde_json::{Value, json};

use super::rig::{Rig, Tenant, text};

/// Who may send a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Allowed {
    /// Members of this role and above, and API keys with this scope.
    Role(&'static str, Option<&'static str>),
    /// Operators of the server.
    Operator,
    /// Any person, for themselves; API keys get 403 or 404.
    Self_,
    /// Anybody.
    Public,
}
use Allowed::{Operator, Public, Role, Self_};

/// One request. `{name}` in path and body stands for an id.
pub(super) struct Request {
    pub(super) operation: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) body: Option<&'static str>,
    pub(super) allowed: Allowed,
    /// Needs what a test of its own makes: a mail, a code, a deleted thing.
    pub(super) special: bool,
}

const fn row(
    operation: &'static str,
    method: &'static str,
    path: &'static str,
    body: Option<&'static str>,
    allowed: Allowed,
) -> Request {
    Request { operation, method, path, body, allowed, special: false }
}

const fn special(
    operation: &'static str,
    method: &'static str,
    path: &'static str,
    body: Option<&'static str>,
    allowed: Allowed,
) -> Request {
    Request { operation, method, path, body, allowed, special: true }
}

/// A hook.
pub(super) const HOOK: &str = r#"{"url":"https://backend.example.org/hook"}"#;
const ORG: &str = "/v1/organizations/{organization}";
const VIEWER: &str = "viewer";
const DEVELOPER: &str = "developer";
const ADMIN: &str = "admin";
const OWNER: &str = "owner";

/// Every operation of the OpenAPI document.
#[rustfmt::skip]
pub(super) const REQUESTS: &[Request] = &[
    row("read_status", "GET", "/v1/status", None, Public),
    special("register", "POST", "/v1/auth/register", None, Public),
    special("login", "POST", "/v1/auth/login", None, Public),
    special("refresh", "POST", "/v1/auth/refresh", None, Public),
    special("logout", "POST", "/v1/auth/logout", None, Public),
    special("forgot_password", "POST", "/v1/auth/password/forgot", None, Public),
    special("reset_password", "POST", "/v1/auth/password/reset", None, Public),
    special("verify_email", "POST", "/v1/auth/email/verify", None, Public),
    row("read_me", "GET", "/v1/auth/me", None, Self_),
    row("update_me", "PATCH", "/v1/auth/me", Some(r#"{"name":"Other"}"#), Self_),
    special("change_password", "POST", "/v1/auth/password/change", Some(r#"{"password":"x","new_password":"y"}"#), Self_),
    special("setup_totp", "POST", "/v1/auth/totp/setup", Some(r#"{"password":"x"}"#), Self_),
    special("confirm_totp", "POST", "/v1/auth/totp/confirm", Some(r#"{"code":"1"}"#), Self_),
    special("disable_totp", "POST", "/v1/auth/totp/disable", Some(r#"{"password":"x","code":"1"}"#), Self_),
    row("list_organizations", "GET", "/v1/organizations", None, Self_),
    row("create_organization", "POST", "/v1/organizations", Some(r#"{"name":"Another"}"#), Self_),
    row("read_organization", "GET", ORG, None, Role(VIEWER, None)),
    row("update_organization", "PATCH", ORG, Some(r#"{"name":"Renamed"}"#), Role(ADMIN, None)),
    row("delete_organization", "DELETE", ORG, None, Role(OWNER, None)),
    row("list_members", "GET", "/v1/organizations/{organization}/members", None, Role(VIEWER, None)),
    special("change_member_role", "PATCH", "/v1/organizations/{organization}/members/{member}", Some(r#"{"role":"viewer"}"#), Role(ADMIN, None)),
    special("remove_member", "DELETE", "/v1/organizations/{organization}/members/{member}", None, Role(ADMIN, None)),
    row("list_invitations", "GET", "/v1/organizations/{organization}/invitations", None, Role(DEVELOPER, None)),
    row("invite", "POST", "/v1/organizations/{organization}/invitations", Some(r#"{"email":"new@example.org","role":"viewer"}"#), Role(ADMIN, None)),
    row("revoke_invitation", "DELETE", "/v1/organizations/{organization}/invitations/{invitation}", None, Role(ADMIN, None)),
    special("accept_invitation", "POST", "/v1/invitations/accept", Some(r#"{"token":"x"}"#), Self_),
    row("list_projects", "GET", "/v1/projects?organization_id={organization}", None, Role(VIEWER, None)),
    row("create_project", "POST", "/v1/projects", Some(r#"{"organization_id":"{organization}","name":"Second"}"#), Role(ADMIN, None)),
    row("read_project", "GET", "/v1/projects/{project}", None, Role(VIEWER, Some("projects.read"))),
    row("update_project", "PATCH", "/v1/projects/{project}", Some(r#"{"description":"x"}"#), Role(DEVELOPER, None)),
    row("delete_project", "DELETE", "/v1/projects/{project}", None, Role(ADMIN, None)),
    row("read_project_settings", "GET", "/v1/projects/{project}/settings", None, Role(VIEWER, Some("projects.read"))),
    row("replace_project_settings", "PUT", "/v1/projects/{project}/settings", Some(r#"{"allowed_origins":["*"]}"#), Role(DEVELOPER, None)),
    row("list_api_keys", "GET", "/v1/projects/{project}/keys", None, Role(DEVELOPER, None)),
    row("create_api_key", "POST", "/v1/projects/{project}/keys", Some(r#"{"name":"k","scopes":["streams.read"]}"#), Role(DEVELOPER, None)),
    row("rotate_api_key", "POST", "/v1/projects/{project}/keys/{api_key}/rotate", Some("{}"), Role(DEVELOPER, None)),
    row("revoke_api_key", "DELETE", "/v1/projects/{project}/keys/{api_key}", None, Role(DEVELOPER, None)),
    row("list_signing_keys", "GET", "/v1/projects/{project}/signing-keys", None, Role(DEVELOPER, None)),
    row("create_signing_key", "POST", "/v1/projects/{project}/signing-keys", Some(r#"{"name":"s","algorithm":"HS256"}"#), Role(DEVELOPER, None)),
    row("revoke_signing_key", "DELETE", "/v1/projects/{project}/signing-keys/{signing_key}", None, Role(DEVELOPER, None)),
    row("list_streams", "GET", "/v1/streams?project_id={project}", None, Role(VIEWER, Some("streams.read"))),
    row("create_stream", "POST", "/v1/streams", Some(r#"{"project_id":"{project}","name":"Second"}"#), Role(DEVELOPER, Some("streams.write"))),
    row("read_stream", "GET", "/v1/streams/{stream}", None, Role(VIEWER, Some("streams.read"))),
    row("update_stream", "PATCH", "/v1/streams/{stream}", Some(r#"{"description":"x"}"#), Role(DEVELOPER, Some("streams.write"))),
    row("delete_stream", "DELETE", "/v1/streams/{stream}", None, Role(DEVELOPER, Some("streams.write"))),
    row("read_stream_health", "GET", "/v1/streams/{stream}/health", None, Role(VIEWER, Some("streams.read"))),
    row("read_stream_stats", "GET", "/v1/streams/{stream}/stats", None, Role(VIEWER, Some("streams.read"))),
    row("list_stream_qualities", "GET", "/v1/streams/{stream}/qualities", None, Role(VIEWER, Some("streams.read"))),
    row("list_stream_keys", "GET", "/v1/streams/{stream}/keys", None, Role(DEVELOPER, Some("stream_keys.read"))),
    row("create_stream_key", "POST", "/v1/streams/{stream}/keys", Some(r#"{"name":"backup"}"#), Role(DEVELOPER, Some("stream_keys.write"))),
    row("rotate_stream_key", "POST", "/v1/streams/{stream}/keys/{stream_key}/rotate", Some("{}"), Role(DEVELOPER, Some("stream_keys.write"))),
    row("revoke_stream_key", "DELETE", "/v1/streams/{stream}/keys/{stream_key}", None, Role(DEVELOPER, Some("stream_keys.write"))),
    row("mint_playback_token", "POST", "/v1/streams/{stream}/tokens", Some("{}"), Role(DEVELOPER, Some("tokens.mint"))),
    row("mint_publish_token", "POST", "/v1/streams/{stream}/tokens/publish", Some("{}"), Role(DEVELOPER, Some("stream_keys.write"))),
    row("revoke_playback_tokens", "POST", "/v1/streams/{stream}/tokens/revoke", Some(r#"{"viewer_id":"ann"}"#), Role(DEVELOPER, Some("tokens.mint"))),
    row("disconnect_publisher", "POST", "/v1/streams/{stream}/disconnect", None, Role(DEVELOPER, Some("streams.write"))),
    row("read_stream_schedule", "GET", "/v1/streams/{stream}/schedule", None, Role(VIEWER, Some("streams.read"))),
    row("replace_stream_schedule", "PUT", "/v1/streams/{stream}/schedule", Some(r#"{"lead_seconds":60}"#), Role(DEVELOPER, Some("streams.write"))),
    row("delete_stream_schedule", "DELETE", "/v1/streams/{stream}/schedule", None, Role(DEVELOPER, Some("streams.write"))),
    row("create_streams", "POST", "/v1/streams/bulk", Some(r#"{"project_id":"{project}","streams":[{"name":"Third"}]}"#), Role(DEVELOPER, Some("streams.write"))),
    row("delete_streams", "POST", "/v1/streams/bulk/delete", Some(r#"{"project_id":"{project}","stream_ids":["str_01kas6hwd0f6t8q2mnxk1zr5vb"]}"#), Role(DEVELOPER, Some("streams.write"))),
    row("list_presets", "GET", "/v1/projects/{project}/presets", None, Role(VIEWER, Some("projects.read"))),
    row("create_preset", "POST", "/v1/projects/{project}/presets", Some(r#"{"name":"Another","stream":{}}"#), Role(DEVELOPER, None)),
    row("read_preset", "GET", "/v1/projects/{project}/presets/{preset}", None, Role(VIEWER, Some("projects.read"))),
    row("replace_preset", "PUT", "/v1/projects/{project}/presets/{preset}", Some(r#"{"name":"Renamed","stream":{}}"#), Role(DEVELOPER, None)),
    row("delete_preset", "DELETE", "/v1/projects/{project}/presets/{preset}", None, Role(DEVELOPER, None)),
    row("read_hook", "GET", "/v1/projects/{project}/hooks", None, Role(DEVELOPER, None)),
    row("replace_hook", "PUT", "/v1/projects/{project}/hooks", Some(HOOK), Role(DEVELOPER, None)),
    row("rotate_hook_secret", "POST", "/v1/projects/{project}/hooks/secret/rotate", None, Role(DEVELOPER, None)),
    row("delete_hook", "DELETE", "/v1/projects/{project}/hooks", None, Role(DEVELOPER, None)),
    row("read_usage", "GET", "/v1/usage?project_id={project}", None, Role(VIEWER, Some("usage.read"))),
    row("list_audit_logs", "GET", "/v1/audit-logs?organization_id={organization}", None, Role(DEVELOPER, None)),
    row("read_audit_statistics", "GET", "/v1/audit-logs/statistics?project_id={project}", None, Role(DEVELOPER, None)),
    row("export_audit_logs", "GET", "/v1/audit-logs/export?project_id={project}", None, Role(DEVELOPER, None)),
    row("admin_list_users", "GET", "/v1/admin/users", None, Operator),
    row("admin_read_user", "GET", "/v1/admin/users/{user}", None, Operator),
    row("admin_update_user", "PATCH", "/v1/admin/users/{user}", Some(r#"{"is_admin":false}"#), Operator),
    row("admin_reset_totp", "DELETE", "/v1/admin/users/{user}/totp", None, Operator),
    row("admin_list_organizations", "GET", "/v1/admin/organizations", None, Operator),
    row("admin_update_organization", "PATCH", "/v1/admin/organizations/{organization}", Some(r#"{"suspended":false}"#), Operator),
    special("admin_restore_organization", "POST", "/v1/admin/organizations/{organization}/restore", None, Operator),
    special("admin_restore_project", "POST", "/v1/admin/projects/{project}/restore", None, Operator),
    row("admin_list_streams", "GET", "/v1/admin/streams", None, Operator),
    row("admin_suspend_stream", "PATCH", "/v1/admin/streams/{stream}", Some(r#"{"suspended":true}"#), Operator),
    special("admin_restore_stream", "POST", "/v1/admin/streams/{stream}/restore", None, Operator),
    row("admin_list_apps", "GET", "/v1/admin/apps", None, Operator),
    row("admin_bind_app", "POST", "/v1/admin/apps", Some(r#"{"name":"studio","project_id":"{project}"}"#), Operator),
    special("admin_update_app", "PATCH", "/v1/admin/apps/app_01kas6hwd0f6t8q2mnxk1zr5vb", Some(r#"{"allow_rename":true}"#), Operator),
    special("admin_unbind_app", "DELETE", "/v1/admin/apps/app_01kas6hwd0f6t8q2mnxk1zr5vb", None, Operator),
    row("admin_list_plans", "GET", "/v1/admin/plans", None, Operator),
    special("admin_create_plan", "POST", "/v1/admin/plans", Some(r#"{"name":"Team"}"#), Operator),
    row("admin_read_plan", "GET", "/v1/admin/plans/{plan}", None, Operator),
    special("admin_replace_plan", "PUT", "/v1/admin/plans/{plan}", Some(r#"{"name":"Team"}"#), Operator),
    row("admin_read_settings", "GET", "/v1/admin/settings", None, Operator),
    row("admin_update_settings", "PATCH", "/v1/admin/settings", Some(r#"{"maintenance":false}"#), Operator),
];

/// Ids by the names that stand for them.
pub(super) type Ids = Vec<(&'static str, String)>;

/// The ids of a tenant, of whom the member, the person and the plan are looked up.
pub(super) fn ids_of(rig: &Rig, tenant: &Tenant) -> Ids {
    let organization = format!("/v1/organizations/{}", tenant.organization);
    let members = rig.get(&tenant.owner, &format!("{organization}/members"));
    let input = json!({"email": "invited@example.org", "role": "viewer"});
    let invitation = rig.post(&tenant.owner, &format!("{organization}/invitations"), &input);
    let preset = additions(rig, tenant, &tenant.project);
    let plan = rig.get(&tenant.owner, &organization)["plan_id"].clone();
    vec![
        ("organization", tenant.organization.clone()),
        ("member", text(&members["data"][0]["id"]).to_owned()),
        ("user", text(&members["data"][0]["user_id"]).to_owned()),
        ("invitation", text(&invitation["id"]).to_owned()),
        ("project", tenant.project.clone()),
        ("api_key", tenant.api_key.clone()),
        ("signing_key", tenant.signing_key.clone()),
        ("stream", tenant.stream.clone()),
        ("stream_key", tenant.stream_key.clone()),
        ("plan", text(&plan).to_owned()),
        ("preset", preset),
    ]
}

/// Gives a project a preset and a hook; the preset's id.
pub(super) fn additions(rig: &Rig, tenant: &Tenant, project: &str) -> String {
    let hook = serde_json::from_str(HOOK).unwrap();
    rig.done(&tenant.owner, "PUT", &format!("/v1/projects/{project}/hooks"), &hook, 200);
    let preset = json!({"name": "Council", "stream": {"latency_mode": "standard"}});
    let preset = rig.post(&tenant.owner, &format!("/v1/projects/{project}/presets"), &preset);
    text(&preset["id"]).to_owned()
}

impl Request {
    /// Path and body with these ids.
    pub(super) fn with(&self, ids: &Ids) -> (String, Value) {
        let fill = |text: &str| {
            ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
        };
        let body = self.body.map_or(Value::Null, |body| serde_json::from_str(&fill(body)).unwrap());
        (fill(self.path), body)
    }
}
