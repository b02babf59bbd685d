"""Tables that people hand in and take away: CSV or XLSX, their header found, every wrong cell named, and written."""
