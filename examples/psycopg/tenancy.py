"""Python with psycopg 3 and its pool: sign in once, then each transaction begins with the token."""
import os
from contextlib import contextmanager

# docs/clients.md: begin
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

pool = ConnectionPool(os.environ["DATABASE_URL"], min_size=1, open=False,  # pool.open() when the application starts
                      kwargs={"prepare_threshold": None})  # prepared statements would be dropped by DEALLOCATE in a context

def sign_in(name, password, address):
    with pool.connection() as connection:
        return connection.execute("select token, tenant_id, tenants from tenancy.login(%s, %s, %s)",
                                  (name, password, Jsonb({"address": address}))).fetchone()

@contextmanager
def transaction(token):
    with pool.connection() as connection:  # its first statement begins; leaving it commits, an exception rolls back
        connection.execute("select tenancy.attach(%s)", (token,))
        yield connection

def patients(token):
    with transaction(token) as connection:
        return connection.execute("select id, first_name from app.patients order by id").fetchall()

def status_of(error):
    return {"28P01": 401, "28000": 401, "53400": 429, "42501": 403}.get(error.sqlstate, 500)
# docs/clients.md: end
