"""Python with Django: each request of a signed-in user is one transaction that begins with the token."""
import json

# docs/clients.md: begin
from contextlib import contextmanager

from django.db import DatabaseError, connection, models, transaction
from django.http import HttpResponse

def sign_in(name, password, address):
    with connection.cursor() as cursor:
        cursor.execute("select token, tenant_id, tenants from tenancy.login(%s, %s, %s)",
                       [name, password, json.dumps({"address": address})])
        return cursor.fetchone()

@contextmanager
def tenant(token):
    with transaction.atomic(durable=True):  # the outermost one; atomic() inside it makes savepoints
        with connection.cursor() as cursor:
            cursor.execute("select tenancy.attach(%s)", [token])
        yield

class TenancyMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        token = request.COOKIES.get("token")
        if token is None:
            return self.get_response(request)
        try:
            with tenant(token):
                return self.get_response(request)
        except DatabaseError as error:
            return HttpResponse(status=status_of(error))

    def process_exception(self, request, error):  # Django makes a response of it, and what was written would be committed
        if connection.in_atomic_block:
            transaction.set_rollback(True)
        if isinstance(error, DatabaseError):
            return HttpResponse(status=status_of(error))

class Patient(models.Model):  # without the tenant column: its default is the context's tenant
    id = models.BigAutoField(primary_key=True)
    first_name, last_name, dob = models.TextField(), models.TextField(), models.DateField()

    class Meta:
        managed, app_label, db_table = False, "clinic", 'app"."patients'

def status_of(error):
    return {"28P01": 401, "28000": 401, "53400": 429, "42501": 403}.get(getattr(error.__cause__, "pgcode", None), 500)
# docs/clients.md: end
