"""What the test runs: the example as somebody would use it, and what it must not do. One line for each fact."""
import logging
import os
from datetime import date

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=["tenancy.TenancyMiddleware"], LOGGING_CONFIG=None,
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 60, "HOST": os.environ["PGHOST"],
                           "PORT": os.environ["PGPORT"], "NAME": os.environ["PGDATABASE"], "USER": os.environ["PGUSER"],
                           "PASSWORD": os.environ["PGPASSWORD"]}})
django.setup()
logging.disable()  # of the failures that follow

from django.db import DatabaseError, connection
from django.http import JsonResponse
from django.test import Client
from django.urls import path

from tenancy import Patient, sign_in, status_of, tenant

connections = set()


def patients(request):
    return JsonResponse(list(Patient.objects.order_by("id").values("id", "first_name")), safe=False)


def mistake(request):
    patient = Patient.objects.create(first_name="New", last_name="Doe", dob=date(2000, 1, 1))
    with connection.cursor() as cursor:
        cursor.execute("select tenant_id from app.patients where id = %s", [patient.id])
        print("a new row has tenant:", cursor.fetchone()[0])
    raise ValueError("a mistake of the application")


def move(request):
    with connection.cursor() as cursor:
        cursor.execute("update app.patients set tenant_id = 1")


urlpatterns = [path("patients", patients), path("mistake", mistake), path("move", move)]


def get(address, token=None):
    client = Client(raise_request_exception=False)
    if token:
        client.cookies["token"] = token
    return client.get(address)


def ids(response):
    return " ".join(str(row["id"]) for row in response.json())


def refusal(work, *arguments):
    try:
        work(*arguments)
    except DatabaseError as error:
        return f"{error.__cause__.pgcode} {status_of(error)}"
    return "nothing"


def left():
    with connection.cursor() as cursor:
        cursor.execute("select current_setting('tenancy.tenant_id') || '|' || current_user, pg_backend_pid()")
        found, pid = cursor.fetchone()
    connections.add(pid)
    return found


def with_tenant(work):
    with tenant(token):
        work(None)


token, tenant_id, _ = sign_in("t3 user2", "user", "192.0.2.1")
other, _, _ = sign_in("t1 user1", "user", "192.0.2.1")
print("tenant:", tenant_id)
print("own rows:", ids(get("/patients", token)))
print("after a commit:", left())
print("another tenant's rows:", ids(get("/patients", other)))
print("without attach:", refusal(lambda: list(Patient.objects.all())))
statuses = [get("/patients").status_code]

statuses.append(get("/mistake", token).status_code)
print("after a rollback:", left())
print("rows after a rollback:", ids(get("/patients", token)))

print("a row of another tenant's:", refusal(with_tenant, move))
statuses.append(get("/move", token).status_code)
print("after an error:", left())

with connection.cursor() as cursor:
    cursor.execute("select tenancy.logout(%s)", [token])
print("signed out:", refusal(with_tenant, patients))
statuses.append(get("/patients", token).status_code)
print("after a refused attach:", left())
print("connections:", len(connections))
print("statuses:", *statuses)
print("wrong password:", refusal(sign_in, "t3 user2", "wrong", "192.0.2.1"))
print("too many attempts:", refusal(sign_in, "t5 user2", "user", "192.0.2.1"))
