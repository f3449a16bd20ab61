"""Alembic's way in: upgrades run on the connection that `migrate` made, each revision in its own transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema="public",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
