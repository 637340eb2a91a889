"""What the test runs: the example as somebody would use it, and what it must not do. One line for each fact."""
from datetime import date

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenancy import Patient, engine, patients, sign_in, status_of, transaction

connections = set()


def ids(rows):
    return " ".join(str(row.id) for row in rows)


def refusal(work, *arguments):
    try:
        work(*arguments)
    except DBAPIError as error:
        return f"{error.orig.pgcode} {status_of(error)}"
    return "nothing"


def left():
    with engine.connect() as connection:
        found, pid = connection.execute(
            text("select current_setting('tenancy.tenant_id') || '|' || current_user, pg_backend_pid()")).one()
    connections.add(pid)
    return found


def without_attach():
    with engine.connect() as connection:
        connection.execute(text("select id from app.patients"))


def foreign_row():
    with transaction(token) as session:
        session.execute(text("update app.patients set tenant_id = 1"))


def sign_out():
    with engine.begin() as connection:
        connection.execute(text("select tenancy.logout(:token)"), {"token": token})


token, tenant, _ = sign_in("t3 user2", "user", "192.0.2.1")
other, _, _ = sign_in("t1 user1", "user", "192.0.2.1")
print("tenant:", tenant)
print("own rows:", ids(patients(token)))
print("after a commit:", left())
print("another tenant's rows:", ids(patients(other)))
print("without attach:", refusal(without_attach))

try:
    with transaction(token) as session:
        with session.begin_nested():
            session.add(Patient(first_name="New", last_name="Doe", dob=date(2000, 1, 1)))
        print("a new row has tenant:", session.execute(text("select tenant_id from app.patients where first_name = 'New'")).scalar())
        raise ValueError("a mistake of the application")
except ValueError:
    pass
print("after a rollback:", left())
print("rows after a rollback:", ids(patients(token)))

print("a row of another tenant's:", refusal(foreign_row))
print("after an error:", left())

sign_out()
print("signed out:", refusal(patients, token))
print("after a refused attach:", left())
print("connections:", len(connections))
print("wrong password:", refusal(sign_in, "t3 user2", "wrong", "192.0.2.1"))
print("too many attempts:", refusal(sign_in, "t5 user2", "user", "192.0.2.1"))
