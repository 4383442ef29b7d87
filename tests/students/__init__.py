"""What students hand in: right solutions in their own words, and their mistakes."""
