"""What every page must be, whoever it is for: the pages are those that the table of doors shows somebody."""
