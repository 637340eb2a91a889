/* What the gateway of the demo "Many tenants per user" tells of its data. Made by `npm run types`, not by hand. */

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        ".error": {
            code: string;
            details: unknown;
            hint: string | null;
            message: string;
        };
        /** @enum {string} */
        ".reading": "check_rules" | "findings" | "why_row";
        ".session": {
            /** Format: date-time */
            expiresAt?: string;
            isAdmin?: boolean | null;
            tenantId?: string | null;
            tenantName?: string | null;
            tenants?: {
                id?: string;
                name?: string | null;
            }[];
            userId?: string;
            userName?: string | null;
        };
        /** @description For admins: what operators, admins and jobs did beyond one tenant. */
        audit_log: {
            /** @description The user whom somebody else acted as. */
            actingAs?: string | null;
            /** @description What was done. */
            action?: string;
            /**
             * Format: date-time
             * @description When it was written.
             */
            at?: string;
            /** @description What else there is to say of this action. */
            detail?: unknown;
            /**
             * Format: int64
             * @description Number of the entry; gaps mean nothing.
             *
             *     The primary key.
             */
            readonly id?: number;
            /** @description Login to the database; for admins it is the gateway's. */
            login?: string;
            /** @description Why, as who did it wrote. */
            reason?: string | null;
            /** @description The tenant concerned; null: all, or none in particular. */
            tenantId?: string | null;
            /** @description The admin who did it; null: an operator without a user. */
            userId?: string | null;
        };
        /** @description For admins: what findings looks for. */
        "check_rules.arguments": Record<string, never>;
        "check_rules.result": {
            hole?: string | null;
            rule?: string | null;
            severity?: string | null;
        }[];
        /** @description Ends all of one's own sessions but the one that asks; tells how many. */
        "end_other_sessions.arguments": Record<string, never>;
        /** Format: int32 */
        "end_other_sessions.result": number | null;
        /** @description Ends one of one's own sessions; false when there is none of that id. */
        "end_session.arguments": {
            /** Format: uuid */
            id: string | null;
        };
        "end_session.result": boolean | null;
        /** @description For admins: every way around isolation that tenancy.check() finds, the worst first: what it is, what an attacker gains, the statement that mends it, and the reason where it was accepted. */
        "findings.arguments": Record<string, never>;
        "findings.result": {
            accepted?: string | null;
            gain?: string | null;
            hole?: string | null;
            mend?: string | null;
            object?: string | null;
            rule?: string | null;
            severity?: string | null;
        }[];
        /** @description For admins: what the last runs of the isolation suite have tried, line by line. */
        isolation_results: {
            /** @description What came out where it is not well, or why it says nothing. */
            comment?: string | null;
            /** @description What was tried. */
            line?: string;
            /**
             * Format: int32
             * @description Number of the line in its run.
             */
            number?: number;
            /** @description Whether it is as it should be. */
            ok?: boolean;
            /**
             * Format: int64
             * @description The run.
             */
            runId?: number;
            /** @description Whether it was tried and says nothing. */
            skipped?: boolean;
            /** @description The table that was tried. */
            tableName?: string;
        };
        /** @description For admins: the last 20 runs of the isolation suite. */
        isolation_runs: {
            /** @description Why it is broken, or has failed without a line. */
            error?: string | null;
            /**
             * Format: int32
             * @description Lines that are not.
             */
            failed?: number | null;
            /**
             * Format: date-time
             * @description When it ended; null while it runs, and where nobody was left to tell.
             */
            finishedAt?: string | null;
            /**
             * Format: int64
             * @description Number of the run; gaps mean nothing.
             */
            readonly id?: number | null;
            /**
             * Format: int32
             * @description Lines that are well.
             */
            passed?: number | null;
            /**
             * Format: int32
             * @description Lines that were tried and say nothing.
             */
            skipped?: number | null;
            /**
             * Format: date-time
             * @description When it began.
             */
            startedAt?: string | null;
            /** @description running, passed, failed, or broken: it did not come to its end. */
            state?: string | null;
            /**
             * Format: int32
             * @description How many tables there are to try.
             */
            tables?: number | null;
            /**
             * Format: int32
             * @description How many were tried.
             */
            tablesDone?: number | null;
        };
        /** @description The patients of the tenant who asks. */
        patients: {
            /**
             * Format: date
             * @description Date of birth.
             */
            dob?: string;
            /** @description First name. */
            firstName?: string;
            /**
             * Format: int64
             * @description Number of the patient.
             *
             *     The primary key.
             */
            readonly id?: number;
            /** @description Last name. */
            lastName?: string;
            /**
             * Format: int64
             * @description The tenant that the patient belongs to.
             *
             *     Refers to `tenants.id`.
             */
            tenantId?: number;
        };
        "patients.insert": {
            /**
             * Format: date
             * @description Date of birth.
             */
            dob: string;
            /** @description First name. */
            firstName: string;
            /** @description Last name. */
            lastName: string;
            /**
             * Format: int64
             * @description The tenant that the patient belongs to.
             *
             *     Refers to `tenants.id`.
             */
            tenantId?: number;
        };
        "patients.update": {
            /**
             * Format: date
             * @description Date of birth.
             */
            dob?: string;
            /** @description First name. */
            firstName?: string;
            /** @description Last name. */
            lastName?: string;
            /**
             * Format: int64
             * @description The tenant that the patient belongs to.
             *
             *     Refers to `tenants.id`.
             */
            tenantId?: number;
        };
        /** @description For admins: the tables that are protected, and whether they still are. */
        protected_tables: {
            /** @description What tenants may do with the rows that they see: write or read. */
            access?: string | null;
            /** @description Whether the protection is as it was made; findings says what is not. */
            intact?: boolean | null;
            /** @description tenant: each row belongs to a tenant; reference: the same rows for all. */
            kind?: string | null;
            /** @description Column that holds the user, where rows belong to a user inside the tenant. */
            ownerColumn?: string | null;
            /**
             * Format: int32
             * @description How many policies it has.
             */
            policies?: number | null;
            /** @description Whether rows without a tenant are there for all to read. */
            shared?: boolean | null;
            /** @description Schema and name of the table. */
            tableName?: string | null;
            /** @description Column that holds the tenant. */
            tenantColumn?: string | null;
        };
        /** @description For admins: lets the users of a suspended tenant work again; false when it was not suspended. Stands in the audit log. */
        "resume_tenant.arguments": {
            tenant: string | null;
        };
        "resume_tenant.result": boolean | null;
        /** @description One's own live sessions. */
        sessions: {
            /** @description Address that the sign-in came from. */
            address?: string | null;
            /** @description Whether it is the session that asks. */
            current?: boolean | null;
            /**
             * Format: date-time
             * @description When it ends, however busy.
             */
            expiresAt?: string | null;
            /**
             * Format: uuid
             * @description Names the session to end_session; opens nothing.
             */
            id?: string | null;
            /**
             * Format: date-time
             * @description Last use, to the minute.
             */
            lastUsedAt?: string | null;
            /**
             * Format: date-time
             * @description When the user signed in.
             */
            startedAt?: string | null;
            /** @description The chosen tenant; null: none chosen yet, or an admin who sees all. */
            tenantId?: string | null;
            /** @description What the browser said it is. */
            userAgent?: string | null;
        };
        /** @description For admins: runs the isolation suite in the background and tells the number of the run; refused while one runs. Each table is locked for a moment while it is tried. Stands in the audit log. */
        "start_isolation_run.arguments": Record<string, never>;
        /** Format: int64 */
        "start_isolation_run.result": number | null;
        /** @description For admins: keeps everybody out of a tenant until it is resumed; false when it is suspended already. Stands in the audit log. */
        "suspend_tenant.arguments": {
            reason: string | null;
            tenant: string | null;
        };
        "suspend_tenant.result": boolean | null;
        /** @description For admins: all tenants, whether they are suspended, and how much there is of each. */
        tenant_overview: {
            /** @description Name shown to people. */
            displayName?: string | null;
            /**
             * Format: int64
             * @description Number of the tenant; the tenant column of this table.
             */
            readonly id?: number | null;
            /**
             * Format: int64
             * @description How many patients belong to it.
             */
            patients?: number | null;
            /**
             * Format: int64
             * @description How many live sessions have chosen it.
             */
            sessions?: number | null;
            /** @description Whether everybody is kept out of it. */
            suspended?: boolean | null;
            /**
             * Format: date-time
             * @description Since when.
             */
            suspendedAt?: string | null;
            /** @description Why; its users are not told. */
            suspensionReason?: string | null;
            /**
             * Format: int64
             * @description How many users belong to it.
             */
            users?: number | null;
        };
        /** @description The tenant who asks; for an admin all of them. */
        tenants: {
            /** @description Name shown to people. */
            displayName?: string;
            /**
             * Format: int64
             * @description Number of the tenant; the tenant column of this table.
             *
             *     The primary key.
             */
            readonly id?: number;
        };
        /** @description For the tour of the demo: runs SQL of the visitor's own as the visitor, and tells at most 100 of its rows. A mistake is told in the words of the database. */
        "tour_statement.arguments": {
            statement: string | null;
        };
        "tour_statement.result": unknown;
        /** @description Oneself and the colleagues of the chosen tenant. */
        users: {
            /** Format: int64 */
            id?: number | null;
            isAdmin?: boolean | null;
            userName?: string | null;
        };
        /** @description Why a row is seen or not, by the resource and its key: one row for each reason, the most decisive first. A tenant gets the same answer for a row of others and for none. */
        "why_row.arguments": {
            key: string | null;
            resource: string | null;
        };
        "why_row.result": {
            explanation?: string | null;
            hint?: string | null;
            reason?: string | null;
        }[];
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
