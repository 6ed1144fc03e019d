"""Questions to endpoints: sensors, saved questions, who was asked, and what they answered."""
