-- A database for the tests of the data API: one of each thing that the exposed schema may hold. Two tenants and an admin;
-- everybody's password is `secret words`. Loaded by support/rest.ts, as a superuser, into a new database.

set client_min_messages = error; -- the guard warns of tables that are protected further down

do $$ begin
  create role rest_owner nologin;
exception when duplicate_object or unique_violation then null; -- another test has made it
end $$;

create extension tenancy;
select format('grant create on database %I to rest_owner', current_database()) \gexec
grant usage on schema tenancy to rest_owner;
set role rest_owner;

create schema app;
create schema api;
comment on schema api is 'Books and who wrote them.';

create type app.book_status as enum ('draft', 'in print', 'sold out');
create domain app.isbn as varchar(17) check (value ~ '^[0-9-]{10,17}$');

create table app.tenants (id bigint generated always as identity primary key, name text not null, is_admin boolean not null default false);
create table app.users (
  id        bigint generated always as identity primary key,
  tenant_id bigint not null references app.tenants,
  user_name text not null unique
);
create table app.credentials (user_id bigint primary key references app.users, password_hash text not null);

create table app.countries (code char(2) primary key, name text not null);
comment on table app.countries is 'Countries, the same for all tenants.';

create table app.authors (
  id           bigint generated always as identity primary key,
  tenant_id    bigint not null references app.tenants,
  name         text not null,
  born         date,
  country_code char(2) references app.countries,
  address      jsonb,
  aliases      text[] not null default '{}'
);
comment on table app.authors is 'Who writes.';
comment on column app.authors.name is 'The name on the cover.';
comment on column app.authors.born is 'Day of birth.';

create table app.books (
  id           bigint generated always as identity primary key,
  tenant_id    bigint not null references app.tenants,
  author_id    bigint not null references app.authors,
  title        varchar(200) not null,
  status       app.book_status not null default 'draft',
  isbn         app.isbn,
  price        numeric(10, 2),
  pages        integer check (pages > 0),
  published    date,
  created_at   timestamptz not null default '2026-01-02 03:04:05+00',
  reading_time interval,
  keywords     text[] not null default '{}',
  on_sale      daterange,
  details      json,
  key          uuid not null default gen_random_uuid(),
  title_length integer generated always as (length(title)) stored,
  search       tsvector generated always as (to_tsvector('english'::regconfig, title)) stored,
  unique (tenant_id, isbn)
);
comment on table app.books is 'What is written.';
comment on column app.books.title is 'As it is printed on the cover.';
comment on column app.books.price is 'In euros.';

create table app.tags (
  id        bigint generated always as identity primary key,
  tenant_id bigint not null references app.tenants,
  label     text not null,
  unique (tenant_id, label)
);
create table app.book_tags (
  tenant_id bigint not null references app.tenants,
  book_id   bigint not null references app.books on delete cascade,
  tag_id    bigint not null references app.tags on delete cascade,
  weight    smallint not null default 1,
  primary key (tenant_id, book_id, tag_id)
);
create table app.book_covers (
  book_id   bigint primary key references app.books on delete cascade,
  tenant_id bigint not null references app.tenants,
  colour    text not null
);
create table app.shelves (
  tenant_id bigint not null references app.tenants,
  room      text not null,
  number    integer not null,
  width     real,
  primary key (tenant_id, room, number)
);
create table app.copies (
  id        bigint generated always as identity primary key,
  tenant_id bigint not null references app.tenants,
  book_id   bigint not null references app.books on delete cascade,
  room      text,
  number    integer,
  condition text not null default 'new',
  foreign key (tenant_id, room, number) references app.shelves
);
create table app.employees (
  id         bigint generated always as identity primary key,
  tenant_id  bigint not null references app.tenants,
  name       text not null,
  manager_id bigint references app.employees
);
create table app.messages (
  id          bigint generated always as identity primary key,
  tenant_id   bigint not null references app.tenants,
  sender_id   bigint not null references app.authors,
  receiver_id bigint not null references app.authors,
  body        text not null
);
-- For upserts: the key is chosen by whoever writes.
create table app.settings (
  tenant_id  bigint not null references app.tenants,
  name       text not null,
  value      jsonb not null default 'null',
  changed_at timestamptz not null default now(),
  primary key (tenant_id, name)
);

insert into app.tenants (name, is_admin) values ('Ink', false), ('Paper', false), ('Office', true);
insert into app.users (tenant_id, user_name) values (1, 'ann'), (2, 'ben'), (3, 'olga');
reset role;
insert into app.credentials select id, tenancy.hash_password('secret words') from app.users;
set role rest_owner;
insert into app.countries values ('GB', 'United Kingdom'), ('PL', 'Poland'), ('US', 'United States');
insert into app.authors (tenant_id, name, born, country_code, address, aliases) values
  (1, 'Mary Shelley', '1797-08-30', 'GB', '{"city": "London", "rooms": [1, 2]}', '{"Mary Godwin"}'),
  (1, 'Stanisław Lem', '1921-09-12', 'PL', '{"city": "Kraków", "rooms": []}', '{}'),
  (1, 'Nobody Yet', null, null, null, '{}'),
  (2, 'Ursula K. Le Guin', '1929-10-21', 'US', '{"city": "Portland"}', '{}');
insert into app.books (tenant_id, author_id, title, status, isbn, price, pages, published, reading_time, keywords, on_sale, details) values
  (1, 1, 'Frankenstein', 'in print', '0-14-143947-5', 7.50, 280, '1818-01-01', '6 hours', '{gothic,science}', '[2026-01-01,2026-02-01)', '{"editions": 3, "cover": {"hard": true}}'),
  (1, 1, 'The Last Man', 'sold out', '0-19-283865-1', 9.90, 470, '1826-02-01', '10 hours', '{plague}', null, '{"editions": 1}'),
  (1, 2, 'Solaris', 'in print', '0-15-683750-1', 12.00, 204, '1961-06-01', '5 hours', '{science,ocean}', '[2026-03-01,)', null),
  (1, 2, 'The Cyberiad', 'draft', null, null, null, null, null, '{}', null, null),
  (2, 4, 'The Dispossessed', 'in print', '0-06-012563-2', 11.25, 341, '1974-05-01', '8 hours', '{science}', '[2026-01-01,2027-01-01)', '{"editions": 9}');
insert into app.tags (tenant_id, label) values (1, 'classic'), (1, 'space'), (1, 'unread'), (2, 'classic');
insert into app.book_tags (tenant_id, book_id, tag_id, weight) values (1, 1, 1, 5), (1, 2, 1, 1), (1, 3, 1, 2), (1, 3, 2, 5), (2, 5, 4, 1);
insert into app.book_covers (book_id, tenant_id, colour) values (1, 1, 'black'), (3, 1, 'blue'), (5, 2, 'green');
insert into app.shelves (tenant_id, room, number, width) values (1, 'hall', 1, 0.8), (1, 'hall', 2, 1.2), (2, 'hall', 1, 2);
insert into app.copies (tenant_id, book_id, room, number, condition) values
  (1, 1, 'hall', 1, 'new'), (1, 1, 'hall', 2, 'worn'), (1, 3, 'hall', 1, 'new'), (1, 3, null, null, 'lost'), (2, 5, 'hall', 1, 'new');
insert into app.employees (tenant_id, name, manager_id) values (1, 'Ada', null), (1, 'Bob', 1), (1, 'Cid', 1), (1, 'Dan', 2), (2, 'Eve', null);
insert into app.messages (tenant_id, sender_id, receiver_id, body) values (1, 1, 2, 'Hello'), (1, 2, 1, 'Good day'), (2, 4, 4, 'Note to self');
insert into app.settings (tenant_id, name, value, changed_at) values (1, 'colour', '"red"', '2026-01-01Z'), (1, 'size', '10', '2026-01-01Z'), (2, 'colour', '"blue"', '2026-01-01Z');

create view app.accounts as
  select u.id as user_id, u.user_name, c.password_hash, t.is_admin, false as disabled
    from app.users u join app.credentials c on c.user_id = u.id join app.tenants t on t.id = u.tenant_id;
create view app.memberships as
  select u.id as user_id, u.tenant_id, t.name as tenant_name from app.users u join app.tenants t on t.id = u.tenant_id;

-- What clients see. Most views leave the tenant out: it is the session's.
create view api.tenants with (security_invoker = true) as select id, name from app.tenants;
create view api.countries with (security_invoker = true) as select * from app.countries;
create view api.authors with (security_invoker = true) as select id, name, born, country_code, address, aliases from app.authors;
comment on view api.authors is 'The authors of the tenant who asks.';
create view api.books with (security_invoker = true) as
  select id, author_id, title, status, isbn, price, pages, published, created_at, reading_time, keywords, on_sale, details, key,
         title_length, search
    from app.books;
comment on column api.books.pages is 'Pages that are numbered.';
create view api.tags with (security_invoker = true) as select id, label from app.tags;
create view api.book_tags with (security_invoker = true) as select * from app.book_tags;
create view api.book_covers with (security_invoker = true) as select book_id, colour from app.book_covers;
create view api.shelves with (security_invoker = true) as select tenant_id, room, number, width from app.shelves;
create view api.copies with (security_invoker = true) as select * from app.copies;
create view api.employees with (security_invoker = true) as select id, name, manager_id from app.employees;
create view api.messages with (security_invoker = true) as select id, sender_id as "senderId", receiver_id as "receiverId", body from app.messages;
create view api.settings with (security_invoker = true) as select name, value, changed_at, tenant_id from app.settings;
-- A view over a view, one with a look-up, and one that sums up.
create view api.books_in_print with (security_invoker = true) as
  select id as book, title as "Title", author_id from api.books where status = 'in print';
create view api.book_list with (security_invoker = true) as
  select b.id, b.title, b.author_id, a.name as author_name
    from app.books b join app.authors a on a.tenant_id = b.tenant_id and a.id = b.author_id;
create view api.book_counts with (security_invoker = true) as
  select author_id, count(*) as books from app.books group by author_id;
create view api.sessions_of_all with (security_invoker = true) as select id, tenant_id, user_name from app.users;
comment on view api.sessions_of_all is 'For admins only.';

create function api.add_numbers(a integer, b integer default 1) returns integer language sql immutable as 'select a + b';
comment on function api.add_numbers(integer, integer) is 'Adds two numbers.';
create function api.total(variadic numbers integer[]) returns bigint language sql immutable as 'select sum(n) from unnest(numbers) n';
create function api.search_books(words text) returns setof api.books language sql stable as
  $$ select * from api.books where search @@ plainto_tsquery('english', words) order by id $$;
create function api.author_of(book bigint) returns api.authors language sql stable as
  $$ select a.* from api.authors a join api.books b on b.author_id = a.id where b.id = book $$;
create function api.count_by_status() returns table (status app.book_status, books bigint) language sql stable as
  $$ select b.status, count(*) from api.books b group by 1 order by 1 $$;
create function api.price_range(out lowest numeric, out highest numeric) language sql stable as
  $$ select min(price), max(price) from api.books $$;
create function api.echo(json) returns json language sql immutable as 'select $1';
create function api.rename_book(book bigint, new_title text) returns void language sql as
  $$ update api.books set title = new_title where id = book $$;
create function api.fail(message text) returns void language plpgsql as $$ begin raise exception using message = message; end $$;
create function api.office_only() returns text language sql stable as $$ select 'for the office' $$;
revoke execute on function api.office_only() from public;

reset role;
select tenancy.use_directory('app.accounts', 'app.memberships');
select count(*) from tenancy.protect('app.users', access => 'read');
select count(*) from tenancy.protect('app.tenants', 'id', access => 'read');
select count(*) from tenancy.protect('app.countries', reference => true);
set role rest_owner;

grant usage on schema app, api to tenancy_user, tenancy_admin;
grant select on api.tenants, api.countries, api.book_list, api.book_counts, api.books_in_print to tenancy_user, tenancy_admin;
grant select, insert, update, delete on
  api.authors, api.books, api.tags, api.book_tags, api.book_covers, api.shelves, api.copies, api.employees, api.messages,
  api.settings to tenancy_user, tenancy_admin;
grant select on api.sessions_of_all to tenancy_admin;
grant execute on function api.office_only() to tenancy_admin;
reset role;

select count(*) from tenancy.protect_all('app', keys => true);
select count(*) from tenancy.harden(true);
