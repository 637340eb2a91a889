import { Button, Drawer, Group, NativeSelect, Stack, Table, Text, TextInput } from '@mantine/core'
import { useRef, useState, type SubmitEvent } from 'react'
import type { Session } from '../api/client'
import { useAddPatient, useEditPatient } from '../api/patients'
import type { Patient } from '../api/schema'
import { formatCalendarDate } from '../logic/calendar-date'
import { explain } from '../logic/explanation'
import {
  checkPatient,
  differences,
  emptyForm,
  fieldErrors,
  fieldLabels,
  formOf,
  fullName,
  longestName,
  patientFields,
  type PatientErrors,
  type PatientField,
  type PatientValues,
} from '../logic/patient-form'
import { tenantOptions, type TenantNames } from '../logic/tenant-choices'
import { ErrorNotice } from './error-notice'

interface Props {
  session: Session
  /** The patient to change; null: a new one. */
  patient: Patient | null
  /** Of whom a new patient may be, when the session does not say it. */
  tenants: TenantNames | null
  onClose: () => void
  onDone: (what: 'added' | 'saved', patient: Patient) => void
}

/** The form of a patient, at the side of the page that it was opened from. */
export function PatientDrawer(props: Props & { opened: boolean }) {
  const { opened, patient, onClose } = props
  return (
    <Drawer
      opened={opened}
      onClose={onClose}
      position="right"
      size={420}
      title={patient === null ? 'Add a patient' : `Edit ${fullName(patient)}`}
      closeButtonProps={{ 'aria-label': 'Close the form' }}
    >
      <PatientForm {...props} />
    </Drawer>
  )
}

function PatientForm({ session, patient, tenants, onClose, onDone }: Props) {
  const add = useAddPatient(session)
  const edit = useEditPatient(session)
  const [form, setForm] = useState(patient === null ? emptyForm : formOf(patient))
  /** As it was when the form began, or when somebody else's values were last seen. */
  const [before, setBefore] = useState(patient)
  const [errors, setErrors] = useState<PatientErrors>({})
  const [conflict, setConflict] = useState<{ mine: PatientValues; theirs: Patient } | null>(null)
  const [gone, setGone] = useState(false)
  const element = useRef<HTMLFormElement>(null)

  const pending = add.isPending || edit.isPending
  const failure = add.error ?? edit.error
  const choosesTenant = before === null && tenants !== null

  function focusOn(field: PatientField) {
    element.current?.querySelector<HTMLElement>(`[name="${field}"]`)?.focus()
  }

  function show(found: PatientErrors) {
    setErrors(found)
    const first = patientFields.find((field) => found[field] !== undefined)
    if (first !== undefined) focusOn(first)
  }

  function failed(error: Error) {
    const found = fieldErrors(error)
    if (found === null) return
    setConflict(null)
    show(found)
  }

  function addNew(values: PatientValues, tenantId: number) {
    add.mutate(
      { ...values, tenantId },
      {
        onSuccess: (added) => {
          onDone('added', added)
        },
        onError: failed,
      },
    )
  }

  function save(values: PatientValues, from: Patient) {
    edit.mutate(
      { before: from, values },
      {
        onSuccess: (edited) => {
          if (edited.outcome === 'saved') onDone('saved', edited.patient)
          setGone(edited.outcome === 'gone')
          setConflict(edited.outcome === 'changed' ? { mine: values, theirs: edited.patient } : null)
        },
        onError: failed,
      },
    )
  }

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (pending) return
    add.reset()
    edit.reset()
    const checked = checkPatient(form)
    const noTenant = choosesTenant && form.tenantId === '' ? { tenantId: 'Choose the tenant.' } : {}
    if (checked.errors !== null || noTenant.tenantId !== undefined) {
      show({ ...noTenant, ...checked.errors })
      return
    }
    setErrors({})
    if (before !== null && !gone) {
      if (differences(before, checked.values).length === 0) onClose()
      else save(checked.values, before)
    } else {
      addNew(checked.values, before?.tenantId ?? Number(choosesTenant ? form.tenantId : session.tenantId))
    }
  }

  function takeTheirs(theirs: Patient) {
    setForm(formOf(theirs))
    setBefore(theirs)
    setConflict(null)
  }

  const text = (field: Exclude<PatientField, 'tenantId'>) => ({
    label: fieldLabels[field],
    name: field,
    value: form[field],
    error: errors[field] ?? null,
    autoComplete: 'off',
    onChange: (event: { currentTarget: { value: string } }) => {
      setForm({ ...form, [field]: event.currentTarget.value })
      setErrors({ ...errors, [field]: undefined })
    },
  })

  if (conflict !== null) {
    return (
      <Conflict
        {...conflict}
        pending={pending}
        failure={failure}
        onTheirs={() => {
          takeTheirs(conflict.theirs)
        }}
        onMine={() => {
          setBefore(conflict.theirs)
          save(conflict.mine, conflict.theirs)
        }}
      />
    )
  }
  return (
    <form ref={element} onSubmit={submit} noValidate aria-label={patient === null ? 'New patient' : 'Patient'}>
      <Stack>
        {gone && (
          <Text role="alert">
            Somebody deleted this patient meanwhile. You can add the patient again with these values, under a new number.
          </Text>
        )}
        {failure !== null && fieldErrors(failure) === null && <ErrorNotice explanation={explain(failure)} />}
        {choosesTenant && (
          <NativeSelect
            data-autofocus
            name="tenantId"
            label={fieldLabels.tenantId}
            value={form.tenantId}
            error={errors.tenantId ?? null}
            data={[{ value: '', label: 'Choose a tenant' }, ...tenantOptions(tenants)]}
            onChange={(event) => {
              setForm({ ...form, tenantId: event.currentTarget.value })
              setErrors({ ...errors, tenantId: undefined })
            }}
          />
        )}
        <TextInput
          {...text('firstName')}
          maxLength={longestName}
          autoFocus={!choosesTenant}
          data-autofocus={choosesTenant ? undefined : true}
        />
        <TextInput {...text('lastName')} maxLength={longestName} />
        <TextInput {...text('dob')} description="Month/day/year" placeholder="MM/DD/YYYY" inputMode="numeric" maxLength={10} />
        <Group justify="flex-end" mt="sm">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={pending}>
            {before === null ? 'Add patient' : gone ? 'Add again' : 'Save'}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

interface ConflictProps {
  mine: PatientValues
  theirs: Patient
  pending: boolean
  failure: Error | null
  onTheirs: () => void
  onMine: () => void
}

/** Two have changed the same patient: whoever comes second sees both versions, and chooses. */
function Conflict({ mine, theirs, pending, failure, onTheirs, onMine }: ConflictProps) {
  const shown = (values: PatientValues, field: keyof PatientValues) =>
    field === 'dob' ? formatCalendarDate(values.dob) : values[field]
  return (
    <Stack>
      <ErrorNotice
        explanation={{
          title: 'Somebody changed this patient meanwhile.',
          advice: 'Nothing of yours was saved yet. Choose which values are right.',
          retryAfter: null,
        }}
      />
      {failure !== null && <Text c="red">{explain(failure).title}</Text>}
      <Table aria-label="Both versions" verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Td />
            <Table.Th scope="col">Theirs</Table.Th>
            <Table.Th scope="col">Yours</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {differences(mine, theirs).map((field) => (
            <Table.Tr key={field}>
              <Table.Th scope="row">{fieldLabels[field]}</Table.Th>
              <Table.Td>{shown(theirs, field)}</Table.Td>
              <Table.Td>{shown(mine, field)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Group justify="flex-end">
        <Button variant="default" disabled={pending} onClick={onTheirs}>
          Take theirs
        </Button>
        <Button loading={pending} onClick={onMine}>
          Save mine
        </Button>
      </Group>
    </Stack>
  )
}
