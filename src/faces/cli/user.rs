//! `user`: who gets into the console.

use serde::Serialize;

use super::context::Context;
use super::output::Format;
use super::{Exit, Failure, serve};
use crate::domain::user::Role;
use crate::domain::watchlist::OrganizationId;
use crate::ports::store::{Changed, InvitationKind, Store, StoreError, UserRow};
use crate::services::access::{self, AccessError};

/// Lists, invites and disables users of the console
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  dyepack user list
  dyepack user invite ann@bank.example --role member --organization example-bank
  dyepack user disable ann@bank.example")]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Lists users
    #[command(after_help = "Example:\n  dyepack user list --format json")]
    List,
    /// Adds a user, or makes another link for one that is there: its password or second factor was lost
    #[command(after_help = "\
Example:
  dyepack user invite ann@bank.example --role analyst

Prints a one-time link with which the user sets a password; it counts for three days.")]
    Invite {
        /// What the user logs in with
        name: String,
        /// What the user may do: admin, analyst, member
        #[arg(long, value_parser = role, default_value = "analyst")]
        role: Role,
        /// The organization of a member
        #[arg(long, value_name = "ID", value_parser = super::init::organization_id)]
        organization: Option<OrganizationId>,
    },
    /// Ends a user's sessions and links; it cannot log in any more
    #[command(after_help = "Example:\n  dyepack user disable ann@bank.example")]
    Disable {
        /// The user
        name: String,
    },
    /// Lets a user log in again
    #[command(after_help = "Example:\n  dyepack user enable ann@bank.example")]
    Enable {
        /// The user
        name: String,
    },
    /// Takes a user's second factor away; the next login sets up another
    #[command(after_help = "Example:\n  dyepack user reset-factor ann@bank.example")]
    ResetFactor {
        /// The user
        name: String,
    },
}

fn role(word: &str) -> Result<Role, &'static str> {
    Role::parse(word).ok_or("a role is admin, analyst or member")
}

/// A row of `user list`.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    role: Role,
    organization: Option<&'a str>,
    second_factor: bool,
    state: &'static str,
    seen_at: Option<String>,
}

impl<'a> From<&'a UserRow> for Row<'a> {
    fn from(user: &'a UserRow) -> Self {
        let state = match (user.disabled_at, user.has_password) {
            (Some(_), _) => "disabled",
            (None, true) => "active",
            (None, false) => "invited",
        };
        Self {
            name: &user.name,
            role: user.role,
            organization: user.organization.as_ref().map(|organization| organization.0.as_str()),
            second_factor: user.has_totp,
            state,
            seen_at: user.seen_at.map(|at| super::case::time(Some(at))),
        }
    }
}

/// Runs `user`.
pub(super) async fn run(args: &Args, context: &Context) -> anyhow::Result<Exit> {
    let store = context.open_store().await?;
    match &args.action {
        Action::List => list(&store.users().await?, context),
        Action::Invite { name, role, organization } => {
            invite(&store, (name, *role, organization.as_ref()), context).await
        }
        Action::Disable { name } => {
            let user = find(&store, name).await?;
            let now = context.clock.now();
            match store.change_user(&user.id, (user.role, user.organization.as_ref()), Some(now)).await? {
                Changed::Done | Changed::Missing => told(&user.name, "is disabled", context),
                Changed::LastAdmin => Err(Failure::Usage(format!(
                    "{} is the last administrator; invite another one first: dyepack user invite NAME --role admin",
                    user.name
                ))
                .into()),
            }
        }
        Action::Enable { name } => {
            let user = find(&store, name).await?;
            store.change_user(&user.id, (user.role, user.organization.as_ref()), None).await?;
            told(&user.name, "may log in", context)
        }
        Action::ResetFactor { name } => {
            let user = find(&store, name).await?;
            store.set_totp(&user.id, None, &[]).await?;
            told(&user.name, "sets up another second factor at the next login", context)
        }
    }
}

fn told(name: &str, what: &str, context: &Context) -> anyhow::Result<Exit> {
    match context.output.format() {
        Format::Json => context.output.json(&serde_json::json!({"user": name, "now": what}))?,
        Format::Table => context.output.line(format_args!("{name} {what}"))?,
    }
    Ok(Exit::Done)
}

fn list(users: &[UserRow], context: &Context) -> anyhow::Result<Exit> {
    match context.output.format() {
        Format::Json => {
            for user in users {
                context.output.json(&Row::from(user))?;
            }
        }
        Format::Table => {
            let cells = |user: &UserRow| {
                let row = Row::from(user);
                let factor = if row.second_factor { "yes" } else { "no" };
                let organization = row.organization.unwrap_or_default().to_owned();
                let seen_at = row.seen_at.unwrap_or_default();
                vec![
                    row.name.to_owned(),
                    row.role.as_str().to_owned(),
                    organization,
                    factor.to_owned(),
                    row.state.to_owned(),
                    seen_at,
                ]
            };
            let headers = ["name", "role", "organization", "second factor", "state", "last seen"];
            context.output.table(&headers, &users.iter().map(cells).collect::<Vec<_>>())?;
            if users.is_empty() {
                context.output.note("nobody can log in yet; invite somebody: dyepack user invite NAME --role admin");
            }
        }
    }
    Ok(Exit::Done)
}

async fn invite(
    store: &Store,
    (name, role, organization): (&str, Role, Option<&OrganizationId>),
    context: &Context,
) -> anyhow::Result<Exit> {
    let now = context.clock.now();
    let made = match store.user(&name.to_lowercase()).await? {
        Some(user) => access::invite_again(store, &user.id, InvitationKind::Password, now).await,
        None => access::invite(store, name, role, organization, now).await,
    };
    let token = made.map_err(|error| match error {
        AccessError::Name(_) | AccessError::Taken(_) | AccessError::Organization => {
            anyhow::Error::new(Failure::Usage(format!("cannot {error}")))
        }
        AccessError::Store(error @ StoreError::NoSuchOrganization { .. }) => {
            anyhow::Error::new(Failure::Usage(format!("cannot {error}")))
        }
        AccessError::Wrong
        | AccessError::Blocked { .. }
        | AccessError::Weak(_)
        | AccessError::Link
        | AccessError::Chance
        | AccessError::Store(_) => anyhow::Error::new(error).context("cannot invite the user"),
    })?;
    let base = serve::base(&context.config.console, serve::DEFAULT_PLACE);
    let link = serve::link(&base, &token);
    match context.output.format() {
        Format::Json => context.output.json(&serde_json::json!({"user": name, "link": link}))?,
        Format::Table => context.output.line(format_args!("{link}"))?,
    }
    context.output.note(format_args!("{name} sets a password there, once, within three days, while the console runs"));
    Ok(Exit::Done)
}

async fn find(store: &Store, name: &str) -> anyhow::Result<UserRow> {
    let user = store.user(&name.to_lowercase()).await?;
    Ok(user.ok_or_else(|| Failure::Usage(format!("there is no user {name}; see: dyepack user list")))?)
}
