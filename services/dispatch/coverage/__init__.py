"""Says how much of what was planned on patrols was visited (覆盖率), by day and unit."""
