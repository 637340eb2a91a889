"""What the test runs: the example as somebody would use it, and what it must not do. One line for each fact."""
import psycopg

from tenancy import patients, pool, sign_in, status_of, transaction

connections = set()


def ids(rows):
    return " ".join(str(row[0]) for row in rows)


def refusal(work, *arguments):
    try:
        work(*arguments)
    except psycopg.Error as error:
        return f"{error.sqlstate} {status_of(error)}"
    return "nothing"


def left():
    with pool.connection() as connection:
        found, pid = connection.execute(
            "select current_setting('tenancy.tenant_id') || '|' || current_user, pg_backend_pid()").fetchone()
    connections.add(pid)
    return found


def without_attach():
    with pool.connection() as connection:
        connection.execute("select id from app.patients")


def foreign_row():
    with transaction(token) as connection:
        connection.execute("update app.patients set tenant_id = 1")


def sign_out():
    with pool.connection() as connection:
        connection.execute("select tenancy.logout(%s)", (token,))


pool.open()
token, tenant, _ = sign_in("t3 user2", "user", "192.0.2.1")
other, _, _ = sign_in("t1 user1", "user", "192.0.2.1")
print("tenant:", tenant)
print("own rows:", ids(patients(token)))
print("after a commit:", left())
print("another tenant's rows:", ids(patients(other)))
print("without attach:", refusal(without_attach))

try:
    with transaction(token) as connection:
        row = connection.execute("insert into app.patients (first_name, last_name, dob)"
                                 " values ('New', 'Doe', '2000-01-01') returning tenant_id").fetchone()
        print("a new row has tenant:", row[0])
        raise ValueError("a mistake of the application")
except ValueError:
    pass
print("after a rollback:", left())
print("rows after a rollback:", ids(patients(token)))

print("a row of another tenant's:", refusal(foreign_row))
print("after an error:", left())

with transaction(token) as connection:
    for number in range(110):
        for _ in range(6):
            connection.execute(f"select {number}")
print("many statements: all ran")
sign_out()
print("signed out:", refusal(patients, token))
print("after a refused attach:", left())
print("connections:", len(connections))
print("wrong password:", refusal(sign_in, "t3 user2", "wrong", "192.0.2.1"))
print("too many attempts:", refusal(sign_in, "t5 user2", "user", "192.0.2.1"))
pool.close()
