-- The test data. It is loaded before the tables are protected: afterwards even their owner
-- writes only for a tenant.
--
-- The password of joe, bruce and jeremy is `user`, that of yeezy is `admin`, as bcrypt hashes.

insert into app.tenants (id, display_name) overriding system value values
    (1, 'tenant 1'),
    (2, 'tenant 2');

insert into app.users (id, user_name, is_admin) overriding system value values
    (1, 'joe', false),
    (2, 'bruce', false),
    (3, 'jeremy', false),
    (4, 'yeezy', true);

insert into app.credentials (user_id, password_hash)
select id,
       case when is_admin then '$2b$10$YJ3paQsDvg7ykcUEB6kmQetsGcaRfPzTwvpOEQSc565epW.P82lMO'
            else '$2b$10$gra37ECOljK.6udDxfwAOOTSyeQSbo9I0zS6l6NoMR1mbE.9T.jF2'
       end
from app.users;

insert into app.user_tenants (id, tenant_id, user_id) overriding system value values
    (1, 1, 1),
    (2, 2, 2),
    (3, 1, 3),
    (4, 2, 3),
    (5, 1, 4),
    (6, 2, 4);

insert into app.patients (id, tenant_id, first_name, last_name, dob) overriding system value values
    (1, 1, 'John', 'Doe', '1984-02-11'),
    (2, 1, 'Jim', 'Doe', '1984-02-11'),
    (3, 1, 'Bob', 'Doe', '1992-05-13'),
    (4, 1, 'Jerry', 'Doe', '1984-02-11'),
    (5, 1, 'Fran', 'Doe', '1984-02-11'),
    (6, 2, 'John', 'Doe2', '1992-05-13'),
    (7, 2, 'James', 'Doe2', '1984-02-11'),
    (8, 2, 'Josh', 'Doe2', '1984-02-11'),
    (9, 2, 'Harry', 'Doe2', '1984-02-11'),
    (10, 2, 'Mary', 'Doe2', '1992-05-13');

-- The numbers above were given by hand; the next ones come from the identities again.
select setval(pg_get_serial_sequence('app.tenants', 'id'), (select max(id) from app.tenants));
select setval(pg_get_serial_sequence('app.users', 'id'), (select max(id) from app.users));
select setval(pg_get_serial_sequence('app.user_tenants', 'id'), (select max(id) from app.user_tenants));
select setval(pg_get_serial_sequence('app.patients', 'id'), (select max(id) from app.patients));
