"""Questions, their answers and exports, saved questions and sensors in the REST API."""
