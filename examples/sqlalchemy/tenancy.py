"""Python with SQLAlchemy's ORM: a session knows its token, and each transaction that it begins starts with it."""
import json
import os

# docs/clients.md: begin
from sqlalchemy import BigInteger, Column, Date, Text, create_engine, event, select, text
from sqlalchemy.orm import Session, declarative_base, sessionmaker

engine = create_engine(os.environ["DATABASE_URL"], future=True)

class TenantSession(Session):
    """A session of one signed-in user: TenantSession(engine, info={"token": token})."""

@event.listens_for(TenantSession, "after_begin")
def attach(session, transaction, connection):
    if not transaction.nested:  # a savepoint is in the context already
        connection.execute(text("select tenancy.attach(:token)"), {"token": session.info["token"]})

def transaction(token):
    return sessionmaker(engine, class_=TenantSession, info={"token": token}, future=True).begin()

def sign_in(name, password, address):
    with engine.begin() as connection:
        return connection.execute(text("select token, tenant_id, tenants from tenancy.login(:name, :password, :client)"),
                                  {"name": name, "password": password, "client": json.dumps({"address": address})}).one()

class Patient(declarative_base()):  # without the tenant column: its default is the context's tenant
    __tablename__, __table_args__ = "patients", {"schema": "app"}
    id = Column(BigInteger, primary_key=True)
    first_name, last_name, dob = Column(Text), Column(Text), Column(Date)

def patients(token):
    with transaction(token) as session:
        return session.execute(select(Patient.id, Patient.first_name).order_by(Patient.id)).all()

def status_of(error):
    return {"28P01": 401, "28000": 401, "53400": 429, "42501": 403}.get(error.orig.pgcode, 500)
# docs/clients.md: end
