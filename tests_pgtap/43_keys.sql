-- keys => true: a child cannot point at another tenant's parent, a unique key tells nothing of other tenants, and
-- unprotect takes the tenant out of the keys again. The tables' owner calls it; he is no superuser.

select plan(51);
select tests.open('owner', 'shop_owner');
select tests.open('a', 'shop_gateway');
select tests.tell('owner', 'create schema keys');
select tests.tell('owner', 'grant usage on schema keys to tenancy_user, tenancy_admin');
create function pg_temp.make(definition text) returns text language sql as $$ select tests.tell('owner', definition) $$;
create function pg_temp.steps(call text) returns text[] language sql as $$ select tests.tell_all('owner', format('select step from tenancy.%s', call)) $$;
create function pg_temp.foreign_keys(relation text) returns text[] language sql as
$$ select array_agg(pg_get_constraintdef(oid) order by conname) from pg_constraint where conrelid = relation::regclass and contype = 'f' and conparentid = 0 $$;
-- Keys, NOT NULL, comments, replica identity: all that could differ after the way back.
create function pg_temp.shape() returns text language sql as
$$
  select string_agg(concat_ws(e'\n', c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
    (select string_agg(concat(k.conname, ' ', pg_get_constraintdef(k.oid), ' ', obj_description(k.oid, 'pg_constraint')), e'\n' order by k.conname)
       from pg_constraint k where k.conrelid = c.oid),
    (select string_agg(concat(pg_get_indexdef(i.indexrelid), i.indisreplident, i.indisclustered, obj_description(i.indexrelid, 'pg_class')), e'\n' order by i.indexrelid::regclass::text)
       from pg_index i where i.indrelid = c.oid),
    (select string_agg(concat(a.attname, ' ', a.attnotnull, ' ', pg_get_expr(d.adbin, d.adrelid)), ',' order by a.attnum)
       from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = c.oid and a.attnum > 0)),
    e'\n' order by c.relname)
  from pg_class c where c.relnamespace = 'keys'::regnamespace and c.relkind in ('r', 'p')
$$;

-- ---------------------------------------------------------------- a parent and a child
select pg_temp.make('create table keys.customer (id int primary key, tenant_id bigint references shop.tenant, email text unique)');
select pg_temp.make('create table keys.invoice (id bigint generated always as identity primary key, tenant_id bigint, customer_id int references keys.customer on delete set null)');
select pg_temp.make($$insert into keys.customer values (1, 1, 'a'), (2, 2, 'b')$$);
select pg_temp.make('insert into keys.invoice (tenant_id, customer_id) values (1, 1), (2, 2)');
select pg_temp.make($$comment on constraint customer_email_key on keys.customer is 'it''s one'$$);
create temporary table shape_before as select pg_temp.shape() as shape;
select pg_temp.steps($$protect('keys.customer')$$);
select pg_temp.steps($$protect('keys.invoice')$$);
select is(tests.sqlstate_as('a', 'ann', 'insert into keys.invoice (customer_id) values (2)'), '00000', 'with plain keys a tenant refers to another tenant''s row');
select is(tests.sqlstate_as('a', 'ann', 'insert into keys.invoice (customer_id) values (99)'), '23503', 'and learns which rows there are');
select is(tests.sqlstate_as('a', 'ann', $$insert into keys.customer (id, email) values (3, 'b')$$), '23505', 'and which values');
select ok(pg_temp.steps($$protect('keys.invoice', keys => true)$$) @> array['unique key for references', 'foreign key with the tenant'], 'a child is given the tenant in its foreign key, and its parent a key for that');
select is(pg_temp.steps($$protect('keys.invoice', keys => true)$$), array['nothing to do'], 'once');
select is(pg_temp.foreign_keys('keys.invoice'), array['FOREIGN KEY (tenant_id, customer_id) REFERENCES keys.customer(tenant_id, id) ON DELETE SET NULL (customer_id)'],
  'the key keeps its action, which spares the tenant');
select is(tests.sqlstate_as('a', 'ann', 'insert into keys.invoice (customer_id) values (2)'), '23503', 'then another tenant''s row is no parent');
select is((select message || detail from (select tests.begin_as('a', 'ann')) b, lateral tests.try('a', 'insert into keys.invoice (customer_id) values (2)')),
          (select replace(message || detail, '99', '2') from (select tests.tell('a', 'rollback'), tests.begin_as('a', 'ann')) b, lateral tests.try('a', 'insert into keys.invoice (customer_id) values (99)')),
          'and is told from a missing one by nothing');
select tests.tell('a', 'rollback');
select is(tests.sqlstate_as('a', 'ann', 'insert into keys.invoice (customer_id) values (1)'), '00000', 'its own is');
select ok(pg_temp.steps($$protect('keys.customer', keys => true)$$) @> array['key led by the tenant'], 'the parent''s own keys begin with the tenant');
select is((select array_agg(pg_get_constraintdef(oid) order by conname) from pg_constraint where conrelid = 'keys.customer'::regclass and contype in ('p', 'u') and conname <> 'customer_tenancy_key'),
  array['UNIQUE (tenant_id, email)', 'PRIMARY KEY (tenant_id, id)'], 'the unique key and the primary key');
select is(tests.sqlstate_as('a', 'ann', $$insert into keys.customer (id, email) values (2, 'b')$$), '00000', 'each tenant has values of its own');
select is(tests.sqlstate_as('a', 'ann', $$insert into keys.customer (id, email) values (1, 'c')$$), '23505', 'which are unique');
select is(tests.sqlstate_as('a', 'eve', 'delete from keys.customer where id = 1'), '00000', 'ON DELETE SET NULL (column) leaves the tenant where it is');
select is((select pg_get_constraintdef(oid) from pg_constraint where conname = 'customer_tenant_id_fkey'), 'FOREIGN KEY (tenant_id) REFERENCES shop.tenant(id)', 'a foreign key to the table of tenants stays');
select is((select pg_get_constraintdef(oid) from pg_constraint where conname = 'invoice_pkey'), 'PRIMARY KEY (id)', 'so does a key that nobody can choose');
select ok(pg_temp.steps($$unprotect('keys.customer')$$) @> array['foreign key as it was', 'key as it was', 'drop unique key for references'], 'unprotect of the parent takes the child''s key along');
select pg_temp.steps($$unprotect('keys.invoice')$$);
select is(pg_temp.shape(), shape, 'and all keys are as they were, with their comments') from shape_before;

-- The other order: the parent comes after its children.
select ok(not pg_temp.steps($$protect('keys.invoice', keys => true)$$) @> array['foreign key with the tenant'], 'a parent that is not protected has no tenant to refer to');
select ok(pg_temp.steps($$protect('keys.customer', keys => true)$$) @> array['key led by the tenant', 'foreign key with the tenant'], 'when it is protected, its children follow');
select is((select count(*) from pg_index where indrelid = 'keys.customer'::regclass), 2::bigint, 'and no index is made beside the keys');
select pg_temp.steps($$unprotect_all('keys')$$);
select is(pg_temp.shape(), shape, 'unprotect_all goes back from there') from shape_before;

-- Table by table, the child first.
select pg_temp.steps($$protect_all('keys', keys => true)$$);
select ok('left: foreign key invoice_customer_id_fkey keeps the tenant, because the key of keys.customer does' = any (pg_temp.steps($$unprotect('keys.invoice')$$)),
  'a child cannot lose the tenant before its parent does');
select ok(pg_temp.steps($$unprotect('keys.customer')$$) @> array['key as it was', 'foreign key as it was'], 'the parent takes the child''s key along');
select is(pg_temp.shape(), shape, 'and again all is as it was') from shape_before;

-- ---------------------------------------------------------------- rows that point at another tenant's
select pg_temp.make('insert into keys.invoice (tenant_id, customer_id) select 1, 2 from generate_series(1, 3)');
create temporary table shape_wrong as select pg_temp.shape() as shape;
create temporary table wrong as select * from tests.try('owner', $$select count(*) from tenancy.protect_all('keys', keys => true)$$);
select is(code, '23503', 'rows that refer to another tenant''s are refused') from wrong;
select matches(message, '3 rows of table keys.invoice', 'and counted') from wrong;
select isnt(hint, '', 'with a way out') from wrong;
select is(pg_temp.shape(), shape, 'and nothing has changed') from shape_wrong;
select tests.tell('owner', $$set tenancy.on_missing_context = 'empty'$$);
select is(tests.sqlstate_of('owner', $$select count(*) from tenancy.protect_all('keys', keys => true)$$), '23503', 'also where the owner would be shown no row');
select pg_temp.make($$select count(*) from tenancy.protect_all('keys')$$);
select matches((tests.try('owner', $$select count(*) from tenancy.protect_all('keys', keys => true)$$)).message, '3 rows', 'and where row security hides them from him already');
select pg_temp.make($$select count(*) from tenancy.unprotect_all('keys')$$);
select tests.tell('owner', 'reset tenancy.on_missing_context');
drop table keys.invoice, keys.customer;

-- ---------------------------------------------------------------- forms of keys
select pg_temp.make('create table keys.node (id int primary key, tenant_id bigint not null, up int references keys.node match full on update cascade)');
select pg_temp.make('create table keys."Or der" ("I d" int, "Te nant" bigint not null, n int, at int not null, primary key ("I d", n)) partition by hash (n)');
select pg_temp.make('create table keys.part partition of keys."Or der" for values with (modulus 1, remainder 0)');
select pg_temp.make('create table keys."Li""ne" ("Te nant" bigint, a int, b int, foreign key (a, b) references keys."Or der" on delete set default deferrable initially deferred)');
select pg_temp.make('create table keys.many (id uuid primary key default gen_random_uuid(), tenant_id bigint, a int unique nulls not distinct deferrable, b int not null, c text, unique (b) include (c) with (fillfactor = 70))');
select pg_temp.make('create unique index "x on y using btree (" on keys.many (lower(c) desc, (a + 1)) where b > 0');
select pg_temp.make($$comment on index keys."x on y using btree (" is 'odd'$$);
select pg_temp.make('create unique index many_identity on keys.many (b)');
select pg_temp.make('alter table keys.many replica identity using index many_identity');
select pg_temp.make('alter table keys.many cluster on many_b_c_key');
select pg_temp.make('create table keys.booking (id int primary key, tenant_id bigint not null, during int4range, exclude using gist (during with &&))');
select pg_temp.make('create table keys.outside (id int primary key, node int references keys.booking)');
create temporary table shape_forms as select pg_temp.shape() as shape;
select pg_temp.make($$select count(*) from tenancy.protect('keys."Or der"', 'Te nant', keys => true)$$);
select pg_temp.make($$select count(*) from tenancy.protect('keys."Li""ne"', 'Te nant', keys => true)$$);
create temporary table forms as select * from dblink('owner', $$select relation::text, step from tenancy.protect_all('keys', keys => true)$$) as f (relation text, step text);
select is(pg_temp.foreign_keys('keys.node'), array['FOREIGN KEY (tenant_id, up) REFERENCES keys.node(tenant_id, id) ON UPDATE CASCADE'], 'a table that refers to itself');
select is(pg_temp.foreign_keys('keys."Li""ne"'), array['FOREIGN KEY ("Te nant", a, b) REFERENCES keys."Or der"("Te nant", "I d", n) ON DELETE SET DEFAULT (a, b) DEFERRABLE INITIALLY DEFERRED'], 'several columns, odd names, a partitioned parent, a deferred key');
select is((select pg_get_constraintdef(oid) from pg_constraint where conname = 'many_a_key'), 'UNIQUE NULLS NOT DISTINCT (tenant_id, a) DEFERRABLE', 'NULLS NOT DISTINCT and DEFERRABLE stay');
select matches(pg_get_indexdef('keys.many_b_c_key'::regclass), $$\(tenant_id, b\) INCLUDE \(c\) WITH \(fillfactor='70'\)$$, 'so do INCLUDE and storage parameters');
select matches(pg_get_indexdef('keys."x on y using btree ("'::regclass), '\(tenant_id, lower\(c\) DESC, \(\(a \+ 1\)\)\) WHERE \(b > 0\)', 'and expressions, order and predicate');
select is((select array_agg(indexrelid::regclass::text order by 1) from pg_index where indrelid = 'keys.many'::regclass and (indisreplident or indisclustered)), array['keys.many_b_c_key', 'keys.many_identity'], 'and replica identity and cluster');
select is((select pg_get_constraintdef(oid) from pg_constraint where conname = 'many_pkey'), 'PRIMARY KEY (id)', 'a random uuid is chosen by nobody');
select matches((select step from forms where relation = 'keys.booking' and step like 'left: key booking_during%'), 'btree_gist', 'an exclusion constraint that cannot hold the tenant is named, with the extension it needs');
select matches((select step from forms where relation = 'keys.booking' and step like 'left: key booking_pkey%'), 'outside', 'so is a key that a table without a tenant refers to');
select is(tests.tell_all('owner', $$select step from tenancy.protect_all('keys', keys => true) where step not like 'left:%'$$), array['nothing to do'], 'again there is nothing to do');
select pg_temp.make($$select count(*) from tenancy.unprotect_all('keys')$$);
select is(pg_temp.shape(), shape, 'every form goes back to what it was') from shape_forms;
drop table keys.outside, keys.booking;

create extension btree_gist schema keys;
select pg_temp.make('create table keys.booking (id int primary key, tenant_id bigint not null, during int4range, exclude using gist (during with &&) where (id > 0))');
create temporary table shape_gist as select pg_temp.shape() as shape;
select pg_temp.make($$select count(*) from tenancy.protect('keys.booking', keys => true)$$);
select is((select pg_get_constraintdef(oid) from pg_constraint where conname = 'booking_during_excl'), 'EXCLUDE USING gist (tenant_id WITH =, during WITH &&) WHERE ((id > 0))', 'with btree_gist it holds the tenant');
select pg_temp.make($$select count(*) from tenancy.unprotect('keys.booking')$$);
select is(pg_temp.shape(), shape, 'and goes back') from shape_gist;

-- ---------------------------------------------------------------- what has no form with the tenant
select pg_temp.make('create table keys.pair (a int, b int, tenant_id bigint not null, primary key (a, b))');
select pg_temp.make('create table keys.full_pair (tenant_id bigint, a int, b int, foreign key (a, b) references keys.pair match full)');
select pg_temp.make('create table keys.emptied (tenant_id bigint, a int, b int, foreign key (a, b) references keys.pair on update set null)');
select pg_temp.make('create table keys.pays (id bigint generated always as identity primary key, tenant_id bigint, payer bigint references shop.tenant)');
create view keys.grouped as select a, b, tenant_id from keys.pair group by a, b;
select pg_temp.steps($$protect_all('keys')$$);
select results_eq($$select step from dblink('owner', $q$select step from tenancy.protect_all('keys', keys => true) where relation::text in ('keys.full_pair', 'keys.emptied', 'keys.pays') and step like 'left:%'$q$) as s (step text) order by step$$,
  array['left: foreign key emptied_a_b_fkey, ON UPDATE SET NULL or SET DEFAULT would take the tenant away too',
        'left: foreign key full_pair_a_b_fkey, MATCH FULL over several columns that may be NULL has no form with the tenant',
        'left: foreign key pays_payer_fkey, it refers to a tenant that is not the row''s own'], 'a key without such a form is left, and the reason told');
select pg_temp.make('drop table keys.full_pair, keys.emptied');
select ok('left: key pair_pkey, other objects depend on it' = any (pg_temp.steps($$protect('keys.pair', keys => true)$$)), 'so is one that a view depends on');
drop view keys.grouped;
select ok('key led by the tenant' = any (pg_temp.steps($$protect('keys.pair', keys => true)$$)), 'without the view it is changed');
select pg_temp.make('create table keys.later (tenant_id bigint, a int, b int, foreign key (tenant_id, a, b) references keys.pair (tenant_id, a, b))');
select matches(array_to_string(pg_temp.steps($$unprotect('keys.pair')$$), ' '), 'left: key pair_pkey keeps the tenant, foreign key later_tenant_id_a_b_fkey', 'a key that somebody refers to since is not taken away');
drop table keys.later, keys.pair;

-- Values that only tenants together make unique.
select pg_temp.make('create table keys.name (name text unique, tenant_id bigint not null)');
select pg_temp.steps($$protect('keys.name', keys => true)$$);
insert into keys.name values ('x', 1), ('x', 2);
select is((select code || message from tests.try('owner', $$select step from tenancy.unprotect('keys.name')$$)), '23505key name_name_key of table keys.name cannot be as it was: tenants have equal values now', 'a key that no longer holds over all tenants stops unprotect');
select is((select relrowsecurity from pg_class where oid = 'keys.name'::regclass), true, 'and nothing has changed');

-- For reading only: nobody can try a value.
select pg_temp.make('create table keys.login (name text unique, tenant_id bigint not null)');
select pg_temp.steps($$protect('keys.login', access => 'read', keys => true)$$);
select is((select pg_get_constraintdef(oid) from pg_constraint where conname = 'login_name_key'), 'UNIQUE (name)', 'a table that tenants only read keeps its unique keys');

set client_min_messages = warning;
drop schema keys cascade;
select * from finish();
