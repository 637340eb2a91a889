import { Group, Text } from '@mantine/core'

export function Logo() {
  return (
    <Group gap={8} wrap="nowrap">
      <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="7" fill="#1c6b66" />
        <rect x="6" y="6" width="9" height="9" rx="2" fill="#fff" />
        <g fill="#fff" opacity=".45">
          <rect x="17" y="6" width="9" height="9" rx="2" />
          <rect x="6" y="17" width="9" height="9" rx="2" />
          <rect x="17" y="17" width="9" height="9" rx="2" />
        </g>
      </svg>
      <Text fw={650} span>
        pgtenancy
      </Text>
    </Group>
  )
}
