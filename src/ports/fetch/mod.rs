//! Fetches one page on the route its network asks for, bounded in size, time and redirects.
