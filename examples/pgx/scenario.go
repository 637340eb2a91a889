package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
)

var connections = map[int32]bool{}

// What the test runs: the example as somebody would use it, and what it must not do. One line for each fact.
func main() {
	ctx := context.Background()
	app, err := Connect(ctx, os.Getenv("DATABASE_URL"))
	check(err)
	defer app.pool.Close()

	token, tenant, err := app.SignIn(ctx, "t3 user2", "user", "192.0.2.1")
	check(err)
	other, _, err := app.SignIn(ctx, "t1 user1", "user", "192.0.2.1")
	check(err)
	say("tenant", *tenant)
	say("own rows", rows(app.Patients(ctx, token)))
	say("after a commit", left(ctx, app))
	say("another tenant's rows", rows(app.Patients(ctx, other)))
	_, err = app.pool.Exec(ctx, "select id from app.patients")
	say("without attach", refusal(err))

	err = app.Transaction(ctx, token, func(tx pgx.Tx) error {
		var tenant int64
		check(tx.QueryRow(ctx, "insert into app.patients (first_name, last_name, dob) values ('New', 'Doe', '2000-01-01') returning tenant_id").Scan(&tenant))
		say("a new row has tenant", tenant)
		return errors.New("a mistake of the application")
	})
	if err == nil {
		log.Fatal("the mistake was lost")
	}
	say("after a rollback", left(ctx, app))
	say("rows after a rollback", rows(app.Patients(ctx, token)))

	say("a row of another tenant's", refusal(app.Transaction(ctx, token, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "update app.patients set tenant_id = 1")
		return err
	})))
	say("after an error", left(ctx, app))

	check(app.Transaction(ctx, token, func(tx pgx.Tx) error {
		for number := 0; number < 600; number++ {
			var answer int
			if err := tx.QueryRow(ctx, fmt.Sprintf("select %d", number)).Scan(&answer); err != nil {
				return err
			}
		}
		return nil
	}))
	say("many statements", "all ran")

	_, err = app.pool.Exec(ctx, "select tenancy.logout($1)", token)
	check(err)
	_, err = app.Patients(ctx, token)
	say("signed out", refusal(err))
	say("after a refused attach", left(ctx, app))
	say("connections", len(connections))
	_, _, err = app.SignIn(ctx, "t3 user2", "wrong", "192.0.2.1")
	say("wrong password", refusal(err))
	_, _, err = app.SignIn(ctx, "t5 user2", "user", "192.0.2.1")
	say("too many attempts", refusal(err))
}

func say(fact string, value interface{}) { fmt.Printf("%s: %v\n", fact, value) }

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func rows(ids []int64, err error) string {
	check(err)
	return strings.Trim(fmt.Sprint(ids), "[]")
}

func refusal(err error) string {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%s %d", refused.Code, StatusOf(err))
}

func left(ctx context.Context, app *App) (found string) {
	var pid int32
	check(app.pool.QueryRow(ctx, "select current_setting('tenancy.tenant_id') || '|' || current_user, pg_backend_pid()").Scan(&found, &pid))
	connections[pid] = true
	return found
}
