"""The responsibility list: read from CSV and XLSX, shown before it holds, owned in versions."""
