//! Who a user is at the organization's own login.

use super::sql::{self, Columns, values};
use super::users::UserRow;
use super::{Durability, Store, StoreError};

impl Store {
    /// Returns the user whom a subject of a provider is bound to, disabled or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user_of_subject(&self, subject: &str) -> Result<Option<UserRow>, StoreError> {
        let statement = "SELECT id FROM console_user WHERE oidc_subject = $1";
        let row = sql::fetch_one(&mut *self.reader.acquire().await?, statement, values![subject]).await?;
        match row {
            Some(row) => self.user(&row.text(0)?).await,
            None => Ok(None),
        }
    }

    /// Binds a user to a subject; the invitation is spent. Returns false, and changes nothing, if the user is bound already.
    ///
    /// # Errors
    /// When the database fails, or another user has the subject.
    pub async fn bind_subject(&self, user: &str, subject: &str) -> Result<bool, StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        let statement = "UPDATE console_user SET oidc_subject = $1 WHERE id = $2 AND oidc_subject IS NULL";
        let bound = sql::execute(connection, statement, values![subject, user]).await?;
        if bound > 0 {
            sql::execute(connection, "DELETE FROM invitation WHERE console_user = $1", values![user]).await?;
        }
        write.commit().await?;
        Ok(bound > 0)
    }

    /// Lets a user be bound anew: the next verified address that fits decides. Their sessions end.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_subject(&self, user: &str) -> Result<(), StoreError> {
        let mut write = self.begin(Durability::Power).await?;
        let connection = write.connection();
        sql::execute(connection, "UPDATE console_user SET oidc_subject = NULL WHERE id = $1", values![user]).await?;
        sql::execute(connection, "DELETE FROM console_session WHERE console_user = $1", values![user]).await?;
        write.commit().await
    }
}
