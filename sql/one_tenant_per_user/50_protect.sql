-- Protection: from here on a row of these tables is seen and changed only with a context, which
-- tenancy.attach(token) gives. The owner of the tables is held to it as well.

select step from tenancy.protect('app.patients');

-- Users and tenants are for reading: no tenant makes itself an admin.
select step from tenancy.protect('app.users', access => 'read');
select step from tenancy.protect('app.tenants', tenant_column => 'id', access => 'read');
