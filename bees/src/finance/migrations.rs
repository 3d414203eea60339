//! The SQL of `deploy/supabase/migrations`, embedded so that the program can apply or print it.

/// A migration; safe to repeat.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// File name, which begins with the migration's time.
    pub name: &'static str,
    /// SQL script.
    pub sql: &'static str,
}

/// All migrations, in order.
pub const MIGRATIONS: [Migration; 6] = [
    Migration {
        name: "20261121000000_stripe_tables.sql",
        sql: include_str!("../../../deploy/supabase/migrations/20261121000000_stripe_tables.sql"),
    },
    Migration {
        name: "20261121000100_apply_stripe_event.sql",
        sql: include_str!("../../../deploy/supabase/migrations/20261121000100_apply_stripe_event.sql"),
    },
    Migration {
        name: "20261201000000_stripe_as_it_is.sql",
        sql: include_str!("../../../deploy/supabase/migrations/20261201000000_stripe_as_it_is.sql"),
    },
    Migration {
        name: "20261201000100_stripe_rows.sql",
        sql: include_str!("../../../deploy/supabase/migrations/20261201000100_stripe_rows.sql"),
    },
    Migration {
        name: "20261201000200_apply_stripe_events.sql",
        sql: include_str!("../../../deploy/supabase/migrations/20261201000200_apply_stripe_events.sql"),
    },
    Migration {
        name: "20261201000300_subscription_access.sql",
        sql: include_str!("../../../deploy/supabase/migrations/20261201000300_subscription_access.sql"),
    },
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_migration_in_the_folder_is_embedded_in_order() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/supabase/migrations");
        let mut files: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        assert_eq!(files, MIGRATIONS.map(|migration| migration.name));
    }
}
