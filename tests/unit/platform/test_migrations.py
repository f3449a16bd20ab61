"""The history of the schema is one line that ends where the code thinks."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from topup.platform import migrations


def test_there_is_one_head_and_the_code_knows_it():
    configuration = Config()
    configuration.set_main_option("script_location", str(migrations.SQL.parent))
    script = ScriptDirectory.from_config(configuration)
    assert script.get_heads() == [migrations.HEAD]
    assert [revision.down_revision for revision in script.walk_revisions()][-1] is None


def test_every_sql_file_belongs_to_a_revision():
    names = {file.name.split("_", 1)[0] for file in migrations.SQL.glob("*.sql")}
    revisions = {file.name.split("_", 1)[0] for file in (migrations.SQL.parent / "versions").glob("0*.py")}
    assert names <= revisions


def test_the_first_revision_names_every_room_that_has_a_file():
    source = next((migrations.SQL.parent / "versions").glob("0001_*.py")).read_text()
    rooms = {file.stem.removeprefix("0001_") for file in migrations.SQL.glob("0001_*.sql")}
    assert [room for room in rooms if f'"{room}"' not in source] == []
