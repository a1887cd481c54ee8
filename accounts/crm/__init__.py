"""What is known of customers beside money: contacts, interactions, tasks, segments."""
