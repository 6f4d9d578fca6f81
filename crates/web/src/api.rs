//! Our own API: `/api/v1` and `/auth`. The table of contents; a handler is in the file of its noun.

mod account;
mod admin;
mod app_passwords;
mod auth;
mod changes;
mod conflict_views;
mod conflicts;
mod connection_bodies;
mod connection_views;
mod connections;
pub(crate) mod contents;
pub(crate) mod direct;
mod files;
pub(crate) mod folders;
mod health;
mod identities;
mod jobs;
mod linking;
mod links;
pub(crate) mod listings;
mod migration_views;
mod migrations;
mod mirror_bodies;
mod mirror_plans;
mod mirror_views;
mod mirrors;
pub(crate) mod nodes;
pub(crate) mod profiles;
mod providers;
mod remote_contents;
mod replicas;
mod shares;
mod sign_in;
mod stores;
mod trash;
pub(crate) mod uploads;
mod versions;
pub(crate) mod views;
mod zips;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::{Web, blob, docs, hooks, page, tus, visitors};

/// Every route of our own API.
pub(crate) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(auth::register))
        .routes(routes!(auth::signup))
        .routes(routes!(auth::login))
        .routes(routes!(auth::refresh))
        .routes(routes!(auth::logout))
        .routes(routes!(auth::logout_everywhere))
        .routes(routes!(auth::change_password))
        .routes(routes!(auth::begin_page_session, auth::end_page_session))
        .routes(routes!(linking::start_link))
        .routes(routes!(linking::link_ticket))
        .routes(routes!(linking::link_status))
        .routes(routes!(sign_in::begin_sign_in))
        .routes(routes!(sign_in::finish_sign_in))
        .routes(routes!(identities::sign_in_with_token))
        .routes(routes!(identities::join_account))
        .routes(routes!(identities::list_identities))
        .routes(routes!(identities::remove_identity))
        .routes(routes!(providers::list_providers))
        .routes(routes!(
            connections::list_connections,
            connections::create_connection
        ))
        .routes(routes!(
            connections::get_connection,
            connections::change_connection,
            connections::remove_connection
        ))
        .routes(routes!(connections::check_connection))
        .routes(routes!(connections::refresh_connection))
        .routes(routes!(connections::list_items))
        .routes(routes!(connections::get_item))
        .routes(routes!(remote_contents::item_content))
        .routes(routes!(remote_contents::sign_item))
        .routes(routes!(remote_contents::signed_item))
        .routes(routes!(mirrors::list_mirrors, mirrors::create_mirror))
        .routes(routes!(
            mirrors::get_mirror,
            mirrors::change_mirror,
            mirrors::remove_mirror
        ))
        .routes(routes!(mirrors::pause_mirror))
        .routes(routes!(mirrors::resume_mirror))
        .routes(routes!(mirrors::run_mirror))
        .routes(routes!(mirrors::mirror_events))
        .routes(routes!(mirrors::mirror_errors))
        .routes(routes!(mirrors::mirror_capsule))
        .routes(routes!(mirror_plans::mirror_plan))
        .routes(routes!(mirror_plans::approve_deletes))
        .routes(routes!(mirror_plans::reject_deletes))
        .routes(routes!(mirror_plans::skip_entries))
        .routes(routes!(mirror_plans::unskip_entries))
        .routes(routes!(mirror_plans::mirror_skips))
        .routes(routes!(replicas::list_replicas))
        .routes(routes!(replicas::prove_replica))
        .routes(routes!(replicas::repair_replica))
        .routes(routes!(account::me, account::change_me))
        .routes(routes!(
            profiles::own_photo,
            profiles::put_photo,
            profiles::post_photo,
            profiles::remove_photo
        ))
        .routes(routes!(profiles::get_user))
        .routes(routes!(profiles::user_photo))
        .routes(routes!(account::list_sessions))
        .routes(routes!(account::end_session))
        .routes(routes!(
            app_passwords::list_app_passwords,
            app_passwords::create_app_password
        ))
        .routes(routes!(app_passwords::remove_app_password))
        .routes(routes!(nodes::get_node, nodes::change_node, nodes::delete_node))
        .routes(routes!(nodes::copy_node))
        .routes(routes!(nodes::star_node, nodes::unstar_node))
        .routes(routes!(nodes::resolve_path))
        .routes(routes!(folders::create_folder))
        .routes(routes!(folders::get_folder))
        .routes(routes!(listings::list_children))
        .routes(routes!(listings::list_starred))
        .routes(routes!(listings::list_recent))
        .routes(routes!(listings::search))
        .routes(routes!(uploads::upload_form))
        .routes(routes!(uploads::put_file))
        .routes(routes!(uploads::put_path))
        .routes(routes!(direct::begin_direct))
        .routes(routes!(direct::direct_status, direct::abort_direct))
        .routes(routes!(direct::sign_parts))
        .routes(routes!(direct::complete_direct))
        .routes(routes!(tus::tus_options, tus::tus_create))
        .routes(routes!(
            tus::tus_state,
            tus::tus_append,
            tus::tus_terminate,
            tus::tus_override
        ))
        .routes(routes!(files::list_files))
        .routes(routes!(files::get_file, files::delete_file))
        .routes(routes!(
            contents::get_content,
            contents::head_content,
            uploads::put_content
        ))
        .routes(routes!(versions::list_versions))
        .routes(routes!(versions::remove_version))
        .routes(routes!(
            versions::get_version_content,
            versions::head_version_content
        ))
        .routes(routes!(versions::restore_version))
        .routes(routes!(trash::list_trash, trash::empty_trash))
        .routes(routes!(trash::purge_node))
        .routes(routes!(trash::restore_node))
        .routes(routes!(shares::list_shares, shares::create_share))
        .routes(routes!(shares::list_shared_with_me))
        .routes(routes!(shares::change_share, shares::revoke_share))
        .routes(routes!(shares::list_access))
        .routes(routes!(links::list_links, links::create_link))
        .routes(routes!(links::list_node_links))
        .routes(routes!(links::get_link, links::change_link, links::revoke_link))
        .routes(routes!(zips::zip_folder))
        .routes(routes!(zips::zip_nodes))
        .routes(routes!(blob::sign_content))
        .routes(routes!(blob::get_blob, blob::head_blob))
        .routes(routes!(visitors::page::link_page))
        .routes(routes!(visitors::unlock::unlock))
        .routes(routes!(visitors::looks::visit_info))
        .routes(routes!(visitors::looks::visit_items))
        .routes(routes!(
            visitors::contents::visit_content,
            visitors::contents::head_visit_content
        ))
        .routes(routes!(
            visitors::contents::visit_file,
            visitors::contents::head_visit_file,
            visitors::changes::visit_put_content
        ))
        .routes(routes!(visitors::contents::visit_zip))
        .routes(routes!(visitors::changes::visit_put))
        .routes(routes!(visitors::changes::visit_create_folder))
        .routes(routes!(
            visitors::changes::visit_change_node,
            visitors::changes::visit_delete_node
        ))
        .routes(routes!(visitors::public::public_address))
        .routes(routes!(changes::list_changes))
        .routes(routes!(changes::follow_changes))
        .routes(routes!(jobs::job_status))
        .routes(routes!(jobs::list_jobs))
        .routes(routes!(jobs::get_job))
        .routes(routes!(jobs::cancel_job))
        .routes(routes!(jobs::retry_job))
        .routes(routes!(conflicts::list_conflicts))
        .routes(routes!(conflicts::get_conflict))
        .routes(routes!(conflicts::resolve_conflicts))
        .routes(routes!(conflicts::resolve_conflict))
        .routes(routes!(conflicts::diff_conflict))
        .routes(routes!(conflicts::undo_conflict))
        .routes(routes!(migrations::list_migrations, migrations::begin_migration))
        .routes(routes!(migrations::get_migration, migrations::cancel_migration))
        .routes(routes!(migrations::list_migration_items))
        .routes(routes!(migrations::finish_migration))
        .routes(routes!(migrations::pause_migration))
        .routes(routes!(migrations::resume_migration))
        .routes(routes!(admin::list_users, admin::create_user))
        .routes(routes!(admin::change_user))
        .routes(routes!(admin::create_invite))
        .routes(routes!(stores::list_stores))
        .routes(routes!(stores::copy_store, stores::copy_report))
        .routes(routes!(stores::retire_store))
        .routes(routes!(stores::reseal_stores))
        .routes(routes!(stores::scrub_stores))
        .routes(routes!(stores::list_damage))
        .routes(routes!(hooks::take_google_notice))
        .routes(routes!(hooks::take_graph_notices))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
        .routes(routes!(docs::openapi_json))
        .routes(routes!(docs::swagger))
        .routes(routes!(docs::swagger_file))
        .routes(routes!(docs::redoc))
        .routes(routes!(docs::redoc_file))
        .routes(routes!(page::home))
        .routes(routes!(page::asset))
}
