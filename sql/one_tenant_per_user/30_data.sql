-- The test data. It is loaded before the tables are protected: afterwards even their owner
-- writes only for a tenant.
--
-- The password of t1 user1 … t5 user2 is `user`, that of t6 admin is `admin`, as bcrypt hashes.

insert into app.tenants (id, display_name, is_admin) overriding system value values
    (1, 'user tenant 1', false),
    (2, 'user tenant 2', false),
    (3, 'user tenant 3', false),
    (4, 'user tenant 4', false),
    (5, 'user tenant 5', false),
    (6, 'admin tenant', true);

insert into app.users (id, tenant_id, user_name) overriding system value values
    (1, 1, 't1 user1'),
    (2, 1, 't1 user2'),
    (3, 2, 't2 user1'),
    (4, 2, 't2 user2'),
    (5, 3, 't3 user1'),
    (6, 3, 't3 user2'),
    (7, 4, 't4 user1'),
    (8, 4, 't4 user2'),
    (9, 5, 't5 user1'),
    (10, 5, 't5 user2'),
    (11, 6, 't6 admin');

insert into app.credentials (user_id, password_hash)
select id,
       case user_name
           when 't6 admin' then '$2b$10$YJ3paQsDvg7ykcUEB6kmQetsGcaRfPzTwvpOEQSc565epW.P82lMO'
           else '$2b$10$gra37ECOljK.6udDxfwAOOTSyeQSbo9I0zS6l6NoMR1mbE.9T.jF2'
       end
from app.users;

insert into app.patients (id, tenant_id, first_name, last_name, dob) overriding system value values
    (1, 1, 'John', 'Doe', '1984-02-11'),
    (2, 1, 'Jim', 'Doe', '1984-02-11'),
    (3, 1, 'Bob', 'Doe', '1992-05-13'),
    (4, 1, 'Jerry', 'Doe', '1984-02-11'),
    (5, 1, 'Fran', 'Doe', '1984-02-11'),
    (6, 2, 'John', 'Doe', '1992-05-13'),
    (7, 2, 'James', 'Doe', '1984-02-11'),
    (8, 2, 'Josh', 'Doe', '1984-02-11'),
    (9, 2, 'Harry', 'Doe', '1984-02-11'),
    (10, 2, 'Mary', 'Doe', '1992-05-13'),
    (11, 3, 'John', 'Doe', '1984-02-11'),
    (12, 3, 'Jeoffrey', 'Doe', '1984-02-11'),
    (13, 3, 'Max', 'Doe', '1984-02-11'),
    (14, 3, 'Min', 'Doe', '1992-05-13'),
    (15, 3, 'Patronius', 'Doe', '1984-02-11'),
    (16, 4, 'John', 'Doe', '1992-05-13'),
    (17, 4, 'Jane', 'Doe', '1992-05-13'),
    (18, 4, 'Homer', 'Doe', '1992-05-13'),
    (19, 4, 'Maggie', 'Doe', '1992-05-13'),
    (20, 4, 'Bart', 'Doe', '1992-05-13'),
    (21, 5, 'John', 'Doe', '1984-02-11'),
    (22, 5, 'Walker', 'Doe', '1992-05-13'),
    (23, 5, 'Yeezy', 'Doe', '1984-02-11'),
    (24, 5, 'Puff Daddy', 'Doe', '1984-02-11'),
    (25, 5, 'The Rock', 'Doe', '1992-05-13');

-- The numbers above were given by hand; the next ones come from the identities again.
select setval(pg_get_serial_sequence('app.tenants', 'id'), (select max(id) from app.tenants));
select setval(pg_get_serial_sequence('app.users', 'id'), (select max(id) from app.users));
select setval(pg_get_serial_sequence('app.patients', 'id'), (select max(id) from app.patients));
