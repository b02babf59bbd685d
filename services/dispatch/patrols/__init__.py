"""Plans a task for each unit and round of a campaign, takes what visitors found, says what was missed."""
