//! Discipline for database connections: one whose begin, statement, commit or rollback failed is dropped, never reused.
