"""Tables handed in and taken away: CSV, XLSX, maps of points; the header found, wrong cells named; and written."""
