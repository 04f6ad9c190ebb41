import { useEffect, useState } from 'preact/hooks'

const themes = ['system', 'light', 'dark'] as const
type Theme = (typeof themes)[number]
const key = 'isthmus-theme'

/** Chooses light, dark, or what the system has. */
export function ThemeSwitch() {
  const [theme, setTheme] = useState<Theme>(() => themes.find((one) => one === localStorage.getItem(key)) ?? 'system')
  useEffect(() => {
    localStorage.setItem(key, theme)
    document.documentElement.style.colorScheme = theme === 'system' ? '' : theme
  }, [theme])
  return (
    <select aria-label="Colours" value={theme} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
      {themes.map((one) => (
        <option key={one} value={one}>
          {one}
        </option>
      ))}
    </select>
  )
}
