-- Protection: from here on a row of these tables is seen and changed only with a context, which
-- tenancy.attach(token) gives. The owner of the tables is held to it as well.

select step from tenancy.protect('app.patients');

-- For reading only: nobody joins a tenant or renames one through the application.
select step from tenancy.protect('app.user_tenants', access => 'read');
select step from tenancy.protect('app.tenants', tenant_column => 'id', access => 'read');
